//! The moves that improve a tour: 2-opt and Or-opt, looked for among the nearest neighbours of a city.
//!
//! 2-opt (G. A. Croes, 1958) replaces two edges by reversing the stretch between them. Or-opt (I. Or, 1976) moves one
//! to three consecutive cities to another place, either way round.

use std::collections::VecDeque;

use super::Problem;
use super::array_tour::ArrayTour;
use super::neighbours::Neighbour;

/// The most cities that an Or-opt move takes along.
const MAX_SEGMENT: usize = 3;

/// The cities around which a move may be found; the others wear the "don't look bit" of J. L. Bentley (*Fast
/// Algorithms for Geometric Traveling Salesman Problems*, 1992).
#[derive(Debug, Clone)]
pub(crate) struct Dirty {
    queue: VecDeque<u32>,
    queued: Vec<bool>,
}

impl Dirty {
    /// All cities, in the order given.
    pub(crate) fn all(cities: &[u32]) -> Self {
        Self { queue: cities.iter().copied().collect(), queued: vec![true; cities.len()] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn push(&mut self, city: u32) {
        if !std::mem::replace(&mut self.queued[city as usize], true) {
            self.queue.push_back(city);
        }
    }

    fn pop(&mut self) -> Option<u32> {
        let city = self.queue.pop_front()?;
        self.queued[city as usize] = false;
        Some(city)
    }
}

/// Looks for moves around at most so many dirty cities and makes them. Returns by how much the tour got shorter.
pub(crate) fn descend(problem: &Problem, tour: &mut ArrayTour, dirty: &mut Dirty, cities: usize) -> i64 {
    // Below four cities all tours are the same.
    if tour.dimension() < 4 {
        return 0;
    }
    let mut saved = 0;
    for _ in 0..cities {
        let Some(city) = dirty.pop() else { break };
        if let Some(found) = best_move(problem, tour, city) {
            saved += i64::from(found.saved);
            found.apply(tour, dirty);
        }
    }
    saved
}

/// A move that shortens the tour.
#[derive(Debug, Clone, Copy)]
struct Move {
    saved: i32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The edges of each pair make way for those between the firsts and between the seconds.
    TwoOpt([(u32, u32); 2]),
    /// The segment leaves its outer neighbours, and comes to lie between two others.
    OrOpt { segment: Ends, outer: Ends, target: Ends },
}

/// Two cities at either end of something.
#[derive(Debug, Clone, Copy)]
struct Ends {
    head: u32,
    tail: u32,
}

/// The best move that gives a city a neighbour nearer than one it has.
fn best_move(problem: &Problem, tour: &ArrayTour, city: u32) -> Option<Move> {
    let mut best: Option<Move> = None;
    let mut offer = |saved: i32, kind: Kind| {
        if saved > best.map_or(0, |best| best.saved) {
            best = Some(Move { saved, kind });
        }
    };
    for direction in [Direction::Forward, Direction::Backward] {
        two_opt(problem, tour, city, direction, &mut offer);
        or_opt(problem, tour, city, direction, &mut offer);
    }
    best
}

/// A direction of travel along the tour.
#[derive(Debug, Clone, Copy)]
enum Direction {
    Forward,
    Backward,
}

impl Direction {
    fn after(self, tour: &ArrayTour, city: u32) -> u32 {
        match self {
            Self::Forward => tour.next(city),
            Self::Backward => tour.previous(city),
        }
    }

    fn before(self, tour: &ArrayTour, city: u32) -> u32 {
        match self {
            Self::Forward => tour.previous(city),
            Self::Backward => tour.next(city),
        }
    }
}

/// Moves that replace the edge from the city onwards.
fn two_opt(
    problem: &Problem,
    tour: &ArrayTour,
    city: u32,
    direction: Direction,
    offer: &mut impl FnMut(i32, Kind),
) {
    let after = direction.after(tour, city);
    let removed = problem.distance(city, after);
    for &Neighbour { city: near, distance } in problem.neighbours(city) {
        // The other half of a move that pays this way is found from its other end.
        if distance >= removed {
            break;
        }
        let near_after = direction.after(tour, near);
        let saved =
            removed - distance + problem.distance(near, near_after) - problem.distance(after, near_after);
        offer(saved, Kind::TwoOpt([(city, after), (near, near_after)]));
    }
}

/// Moves that take the city, with up to two that follow it, next to one of its neighbours.
fn or_opt(
    problem: &Problem,
    tour: &ArrayTour,
    city: u32,
    direction: Direction,
    offer: &mut impl FnMut(i32, Kind),
) {
    let before = direction.before(tour, city);
    let mut segment = [city; MAX_SEGMENT];
    // Three cities outside the segment are the fewest among which its place matters.
    for length in 1..=MAX_SEGMENT.min(tour.dimension().saturating_sub(3)) {
        let tail = segment[length - 1];
        let after = direction.after(tour, tail);
        let removed =
            problem.distance(before, city) + problem.distance(tail, after) - problem.distance(before, after);
        for &Neighbour { city: near, distance } in problem.neighbours(city) {
            if distance >= removed {
                break;
            }
            if segment[..length].contains(&near) {
                continue;
            }
            for other in [tour.next(near), tour.previous(near)] {
                // Edges of the segment itself are no place to go, and next to `before` the city is already.
                if near == before || segment[..length].contains(&other) {
                    continue;
                }
                let added = distance + problem.distance(tail, other) - problem.distance(near, other);
                offer(
                    removed - added,
                    Kind::OrOpt {
                        segment: Ends { head: city, tail },
                        outer: Ends { head: before, tail: after },
                        target: Ends { head: near, tail: other },
                    },
                );
            }
        }
        if length < MAX_SEGMENT {
            segment[length] = after;
        }
    }
}

impl Move {
    fn apply(self, tour: &mut ArrayTour, dirty: &mut Dirty) {
        match self.kind {
            Kind::TwoOpt([(a, b), (c, d)]) => {
                tour.exchange(a, b, c, d);
                for city in [a, b, c, d] {
                    dirty.push(city);
                }
            }
            Kind::OrOpt { segment, outer, target } => {
                move_segment(tour, segment, outer, target);
                for ends in [segment, outer, target] {
                    dirty.push(ends.head);
                    dirty.push(ends.tail);
                }
            }
        }
    }
}

/// Moves a segment from between its outer neighbours to between the ends of the target edge, so that head comes to
/// head and tail to tail: two or three exchanges of edges.
fn move_segment(tour: &mut ArrayTour, segment: Ends, outer: Ends, target: Ends) {
    let forward = tour.next(outer.head) == segment.head;
    let head_first = tour.next(target.head) == target.tail;
    if forward == head_first {
        // It keeps its direction of travel: turn it first, for the next two exchanges turn it back.
        tour.exchange(outer.head, segment.head, segment.tail, outer.tail);
        tour.exchange(outer.head, segment.tail, target.head, target.tail);
        tour.exchange(outer.head, target.head, outer.tail, segment.head);
    } else {
        tour.exchange(outer.head, segment.head, target.tail, target.head);
        tour.exchange(outer.head, target.tail, outer.tail, segment.tail);
    }
}
