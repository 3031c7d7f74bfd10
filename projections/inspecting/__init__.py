"""One turn from message to delivery, made of the log's events alone: what every face's inspector shows."""
