"""The scorebook: a bowler's entries, their synchronisation between phones, scores and statistics."""
