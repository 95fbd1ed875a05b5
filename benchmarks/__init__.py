"""How long muniment takes beside its peers. Run it with `make bench-runner`; see README.md."""
