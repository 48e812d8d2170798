"""The shores: each carries messages between a client and the engine, and decides nothing else."""
