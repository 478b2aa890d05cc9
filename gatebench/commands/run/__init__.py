"""`gatebench run`: its options, and the work behind them."""
