"""How fast the service is, beside yardsticks that do the same work. Run: python -m bench [PART]."""
