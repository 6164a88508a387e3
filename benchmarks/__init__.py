"""What batchlab costs, and what its peers cost: run `python -m benchmarks`, or one part of it, as in `... speed`."""
