//! Messages: JSON in to typed triggers, bus messages out. Pure.
