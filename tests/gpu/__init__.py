"""What a card must show, in one command: `make gpu`."""
