"""What is done with a character's reply: message commands, the buttons of their answers, and `/why`."""
