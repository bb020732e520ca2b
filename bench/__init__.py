"""How fast Racord is on this machine, beside a bare Temporal workflow: `python -m bench` (docs/benchmarks.md)."""
