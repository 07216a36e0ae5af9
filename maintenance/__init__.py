"""What an operator does with the databases, from a machine of one's own: it is in no deployment."""
