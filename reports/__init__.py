"""What a run gives its readers: report.json and its projections. Reads the files of a run and nothing else."""
