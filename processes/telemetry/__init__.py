"""What is told of the service to those who watch it: metrics and traces."""
