//! The plan file: parsed, checked, compiled to plan.json.
