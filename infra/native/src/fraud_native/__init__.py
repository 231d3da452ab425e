"""Runs the services of docker-compose.yml as ordinary processes."""
