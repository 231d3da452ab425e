"""What is up and what is broken."""
