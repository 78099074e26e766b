"""The pages of the service: what a browser gets where a program gets JSON."""
