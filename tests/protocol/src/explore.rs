//! The enumerator: every state that can be reached, in the order of how soon.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::model::{Model, Move, Quick, State, hash};
use crate::world::Rule;

/// What can be reached.
pub(crate) struct Explored {
    pub(crate) states: Vec<State>,
    /// How each state was reached first: from which one, and by what. A shortest way.
    pub(crate) reached: Vec<(u32, Move)>,
    /// Every move: from, to.
    pub(crate) moves: Vec<(u32, u32)>,
    /// The length of the longest shortest way.
    pub(crate) depth: usize,
    /// The first state in which a rule is broken: then the search ended there.
    pub(crate) broken: Option<(usize, Rule)>,
}

/// Looks at every state that can be reached, unless a rule is broken in one.
pub(crate) fn explore(model: &Model) -> Explored {
    let (first, _) = model.first().canonical();
    // By hash, so that each state is held once; where two states have the same one, the second stands at the next free number.
    let mut known: HashMap<u64, u32, BuildHasherDefault<Quick>> = HashMap::default();
    known.insert(hash(&first), 0);
    let mut explored =
        Explored { states: vec![first], reached: vec![(0, Move::Sweep)], moves: Vec::new(), depth: 0, broken: None };
    let (mut at, mut layer_ends) = (0, 1);
    while at < explored.states.len() && explored.broken.is_none() {
        if at == layer_ends {
            (explored.depth, layer_ends) = (explored.depth + 1, explored.states.len());
        }
        let state = explored.states[at];
        let from = number(at);
        model.moves(&state, |what, next| {
            let (next, _) = next.canonical();
            let mut key = hash(&next);
            let to = loop {
                match known.get(&key) {
                    Some(to) if explored.states[*to as usize] == next => break *to,
                    Some(_) => key = key.wrapping_add(1),
                    None => {
                        let to = number(explored.states.len());
                        explored.states.push(next);
                        explored.reached.push((from, what));
                        known.insert(key, to);
                        break to;
                    }
                }
            };
            explored.moves.push((from, to));
            if let Some(rule) = next.world.broken
                && explored.broken.is_none()
            {
                explored.broken = Some((to as usize, rule));
            }
        });
        at += 1;
    }
    explored
}

impl Explored {
    /// A shortest way to a state: what happened, each time in the state before it.
    pub(crate) fn way_to(&self, state: usize) -> Vec<(State, Move)> {
        let mut way = Vec::new();
        let mut at = state;
        while at != 0 {
            let (from, what) = self.reached[at];
            at = from as usize;
            way.push((self.states[at], what));
        }
        way.reverse();
        way
    }

    /// The first state, if any, from which none of the wanted ones can be reached.
    ///
    /// Where there is none, every fair life comes to a wanted state: one in which whatever can happen again and again does happen.
    pub(crate) fn first_without_way_to(&self, wanted: impl Fn(&State) -> bool) -> Option<usize> {
        let mut ends: Vec<u32> = vec![0; self.states.len() + 1];
        for (_, to) in &self.moves {
            ends[*to as usize + 1] += 1;
        }
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        let (mut into, mut free) = (vec![0; self.moves.len()], ends.clone());
        for (from, to) in &self.moves {
            let slot = &mut free[*to as usize];
            into[*slot as usize] = *from;
            *slot += 1;
        }
        let mut leads: Vec<bool> = self.states.iter().map(wanted).collect();
        let mut todo: Vec<usize> = (0..leads.len()).filter(|state| leads[*state]).collect();
        while let Some(state) = todo.pop() {
            for from in &into[ends[state] as usize..ends[state + 1] as usize] {
                if !std::mem::replace(&mut leads[*from as usize], true) {
                    todo.push(*from as usize);
                }
            }
        }
        leads.iter().position(|leads| !leads)
    }
}

impl Explored {
    /// The first state that is not as wanted, after one that was.
    pub(crate) fn first_left_again(&self, wanted: impl Fn(&State) -> bool) -> Option<usize> {
        let mut after: Vec<bool> = self.states.iter().map(&wanted).collect();
        let mut todo: Vec<usize> = (0..after.len()).filter(|state| after[*state]).collect();
        while let Some(state) = todo.pop() {
            // They stand in the order of where they come from.
            let first = self.moves.partition_point(|(from, _)| (*from as usize) < state);
            for (_, to) in self.moves[first..].iter().take_while(|(from, _)| *from as usize == state) {
                if !std::mem::replace(&mut after[*to as usize], true) {
                    todo.push(*to as usize);
                }
            }
        }
        (0..after.len()).find(|state| after[*state] && !self.states[*state].world.is_over())
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than four thousand million states")
}
