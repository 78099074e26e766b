"""The service: three processes, their inputs and outputs, jobs, the application, the CLI."""
