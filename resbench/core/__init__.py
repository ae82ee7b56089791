"""What knows nothing of networks: errors, text, configuration, YAML, files, locks."""
