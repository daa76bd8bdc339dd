"""The story every installation must be able to tell: one contract from proposal to paid, over HTTP and nothing else."""
