//! Tests of the search: what must hold on any instance, and what it reaches on known ones.

use super::*;
use crate::tsp::test_support::{data, random_instance, random_tour, shipped};
use crate::tsp::tsplib::read_tour;
use crate::tsp::{gap_percent, known_optimum, nearest_neighbour_tour};

const METRICS: [&str; 5] = ["EUC_2D", "CEIL_2D", "ATT", "GEO", "EXPLICIT"];

/// Demands that the tour is one, and as long as the search believes.
fn assert_sound(search: &Search) {
    let (cities, length) = search.best();
    assert!(Tour::new(cities.to_vec()).is_ok());
    assert_eq!(search.problem().instance().length(cities), length);
}

#[test]
fn any_instance_stays_sound_and_never_gets_longer() {
    let mut rng = Rng::with_seed(11);
    for dimension in (1..=16).chain([25, 60, 150]) {
        for metric in METRICS {
            let problem = Arc::new(Problem::new(random_instance(&mut rng, dimension, metric)));
            let start = random_tour(&mut rng, &problem);
            let mut search = Search::new(Arc::clone(&problem), &start, rng.u64(..)).unwrap();
            assert_sound(&search);
            for _ in 0..40 {
                let (_, before) = search.best();
                let improvement = search.step(3);
                assert_sound(&search);
                let (_, after) = search.best();
                let expected =
                    (after < before).then_some(Improvement { length: after, saved: before - after });
                assert_eq!(improvement, expected);
                assert!(after <= before);
            }
        }
    }
}

#[test]
fn small_instances_are_solved_to_the_optimum() {
    let mut rng = Rng::with_seed(12);
    for dimension in 1..=7 {
        for metric in METRICS {
            let problem = Arc::new(Problem::new(random_instance(&mut rng, dimension, metric)));
            let start = random_tour(&mut rng, &problem);
            let mut search = Search::new(Arc::clone(&problem), &start, 1).unwrap();
            search.step(300);
            assert_eq!(search.best().1, shortest(&problem, &mut vec![0]), "{dimension} cities, {metric}");
        }
    }
}

/// The length of the shortest tour that begins so, found by trying them all.
fn shortest(problem: &Problem, begun: &mut Vec<u32>) -> i64 {
    if begun.len() == problem.dimension() {
        return problem.length(begun);
    }
    let mut best = i64::MAX;
    for city in 0..problem.dimension() as u32 {
        if !begun.contains(&city) {
            begun.push(city);
            best = best.min(shortest(problem, begun));
            begun.pop();
        }
    }
    best
}

#[test]
fn a_round_that_does_not_help_leaves_the_array_as_it_was() {
    let problem = Arc::new(Problem::new(shipped("pcb442")));
    let optimum = read_tour(data("pcb442.opt.tour")).unwrap();
    let mut search = Search::new(Arc::clone(&problem), &optimum, 3).unwrap();
    while !search.dirty.is_empty() {
        assert_eq!(search.step(1), None);
    }
    let mut unchanged = 0;
    for _ in 0..300 {
        let before = search.tour.cities().to_vec();
        assert_eq!(search.step(1), None);
        assert_sound(&search);
        // A round may keep another tour of the same length; any other it must undo.
        unchanged += u32::from(before == search.tour.cities());
    }
    assert!(unchanged > 100, "{unchanged} of 300");
}

#[test]
fn the_same_seed_gives_the_same_tour_however_the_rounds_are_cut() {
    let problem = Arc::new(Problem::new(shipped("att532")));
    let start = nearest_neighbour_tour(&problem, 7);
    let run = |seed, steps: &[u32]| {
        let mut search = Search::new(Arc::clone(&problem), &start, seed).unwrap();
        for &rounds in steps {
            search.step(rounds);
        }
        search.best().0.to_vec()
    };
    let whole = run(1, &[600]);
    assert_eq!(whole, run(1, &[100, 1, 399, 0, 100]));
    assert_ne!(whole, run(2, &[600]));
}

#[test]
fn a_few_rounds_come_near_the_optimum() {
    let problem = Arc::new(Problem::new(shipped("gr666")));
    let start = nearest_neighbour_tour(&problem, 0);
    let optimum = known_optimum("gr666").unwrap();
    assert!(gap_percent(problem.length(start.cities()), optimum) > 15.0);
    let mut search = Search::new(Arc::clone(&problem), &start, 1).unwrap();
    search.step(4_000);
    assert_sound(&search);
    let gap = gap_percent(search.best().1, optimum);
    assert!((0.0..6.0).contains(&gap), "{gap} %");
}

#[test]
fn only_a_shorter_tour_of_the_same_problem_is_adopted() {
    let problem = Arc::new(Problem::new(shipped("pcb442")));
    let start = nearest_neighbour_tour(&problem, 0);
    let optimum = read_tour(data("pcb442.opt.tour")).unwrap();
    let mut search = Search::new(Arc::clone(&problem), &start, 1).unwrap();
    assert_eq!(search.adopt(&start), Ok(false));
    assert_eq!(search.adopt(&optimum), Ok(true));
    assert_eq!(search.best(), (optimum.cities(), 50_778));
    assert_eq!(search.adopt(&start), Ok(false));
    assert_eq!(search.step(50), None);
    assert_sound(&search);

    let stranger = Tour::new(vec![0, 1, 2]).unwrap();
    let wrong = WrongProblem { cities: 3, dimension: 442 };
    assert_eq!(search.adopt(&stranger), Err(wrong.clone()));
    assert_eq!(Search::new(problem, &stranger, 1).unwrap_err(), wrong);
}
