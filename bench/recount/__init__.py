"""One offer of every kind at the busiest venues of recorded check-ins, and each counted again."""
