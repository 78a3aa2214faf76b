//! Opens a sealed room, watches it, destroys it: a persisted state machine.
