//! What the compiler must not do to this crate, and rustc 1.95.0 does at opt-level 2 and 3 without incremental compilation: remove a comparison
//! whose result is still used, where it is the answer of an inlined function that the caller branches on (rust-lang/rust#158206, "Suspected
//! miscompilation with `bool as u32`"; mended in 1.96.1). `World::delete_group` is such a function: parameter groups of rooms that stood were
//! gone, and six tests failed on states that do not follow. No way of writing our code is safe from it, so what is compiled so fails here, by name.

use std::hint::black_box;

struct Place {
    users: u8,
    kept: bool,
}

impl Place {
    /// Gives it up if it is free, and says whether it was. The answer is used once more before it is given.
    fn give_up(&mut self) -> bool {
        let free = self.users == 0;
        self.kept &= !free;
        free
    }
}

#[inline(never)]
fn is_over(place: &mut Place, late: bool) -> bool {
    place.give_up() || late
}

#[test]
fn this_crate_is_compiled_as_it_is_written() {
    for users in 0..3 {
        let mut place = Place { users: black_box(users), kept: true };
        let over = is_over(&mut place, black_box(false));
        assert_eq!(
            (over, place.kept),
            (users == 0, users != 0),
            "lower the crate's opt-level, or take a newer compiler"
        );
    }
}
