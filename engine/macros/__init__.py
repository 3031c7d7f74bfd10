"""SillyTavern's macros and regex scripts (I14), as pure functions: what is random is drawn through the caller, who records it."""
