"""Rules about who speaks: who of several is drafted, which messages get one answer, who is not answered."""
