"""Everything in one process, for trying out and for tests: `running(data_dir, port=0)`."""
