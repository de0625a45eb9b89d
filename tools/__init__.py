"""What `make` calls: set-up, running the course, stamping the repository's address."""
