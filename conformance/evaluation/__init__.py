"""Evaluation of transcripts: checks, reruns, attribution, expectations, the final sweep, replay."""
