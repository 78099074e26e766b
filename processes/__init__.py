"""The service of vadose: processes, their inputs and outputs, jobs, the application, the CLI."""
