//! Tests of the reader: the shipped files, every layout and error, and hostile input.

use std::fs;

use super::*;
use crate::tsp::known_optimum;
use crate::tsp::test_support::data;

fn parse(text: &str) -> Result<Instance, ReadError> {
    text.parse()
}

/// The message with which a text is refused.
fn refusal(text: &str) -> String {
    parse(text).expect_err("refused").to_string()
}

fn tour_refusal(text: &str) -> String {
    parse_tour(text).expect_err("refused").to_string()
}

/// Three cities; lines: 1 DIMENSION, 2 EDGE_WEIGHT_TYPE, 3 NODE_COORD_SECTION, 4.. the cities.
fn planar(cities: &str) -> String {
    format!("DIMENSION : 3\nEDGE_WEIGHT_TYPE : EUC_2D\nNODE_COORD_SECTION\n{cities}EOF\n")
}

fn explicit(format: &str, numbers: &str) -> String {
    format!(
        "DIMENSION: 3\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: {format}\nEDGE_WEIGHT_SECTION\n{numbers}\n"
    )
}

#[test]
fn shipped_optimal_tours_measure_exactly_the_published_optima() {
    for name in ["gr666", "pcb442"] {
        let instance = Instance::read(data(&format!("{name}.tsp"))).unwrap();
        let tour = read_tour(data(&format!("{name}.opt.tour"))).unwrap();
        assert_eq!(instance.name(), name);
        assert_eq!(tour.cities().len(), instance.dimension());
        assert_eq!(Some(instance.length(tour.cities())), known_optimum(name));
    }
}

#[test]
fn shipped_instances_are_what_their_headers_say() {
    let gr666 = Instance::read(data("gr666.tsp")).unwrap();
    assert_eq!((gr666.dimension(), gr666.metric()), (666, Metric::Geo));
    assert_eq!(gr666.comment(), "666 cities around the world (Groetschel)");
    assert_eq!(gr666.points().unwrap()[1], Point { x: 71.17, y: -156.47 });
    let att532 = Instance::read(data("att532.tsp")).unwrap();
    assert_eq!((att532.dimension(), att532.metric()), (532, Metric::Att));
    let pcb442 = Instance::read(data("pcb442.tsp")).unwrap();
    assert_eq!((pcb442.dimension(), pcb442.metric()), (442, Metric::Euc2d));
}

#[test]
fn every_explicit_layout_gives_the_same_distances() {
    let layouts = [
        ("FULL_MATRIX", "0 1 2\n1 0 3\n2 3 0"),
        ("UPPER_ROW", "1 2\n3"),
        ("LOWER_ROW", "1\n2 3"),
        ("UPPER_DIAG_ROW", "0 1 2 0\n3 9999"),
        ("LOWER_DIAG_ROW", "0\n1 0 2\n3 0"),
    ];
    for (format, numbers) in layouts {
        let instance = parse(&explicit(format, numbers)).unwrap();
        let distances = [(0, 1), (2, 0), (1, 2), (2, 2)].map(|(a, b)| instance.distance(a, b));
        assert_eq!(distances, [1, 2, 3, 0], "{format}");
        assert_eq!(instance.length(&[0, 1, 2]), 6);
        assert!(instance.points().is_none());
    }
}

#[test]
fn display_data_of_an_explicit_instance_are_its_points() {
    let text = explicit("UPPER_ROW", "1 2 3\nDISPLAY_DATA_SECTION\n1 0 0\n2 1 0\n3 0 1.5\nEOF");
    assert_eq!(parse(&text).unwrap().points().unwrap()[2], Point { x: 0.0, y: 1.5 });
}

#[test]
fn cities_may_come_in_any_order_and_end_without_eof() {
    let text =
        "\u{feff}NAME:x\r\nDIMENSION:2\r\nEDGE_WEIGHT_TYPE:CEIL_2D\r\nNODE_COORD_SECTION\r\n2 3 4\r\n1 0 0";
    assert_eq!(parse(text).unwrap().distance(0, 1), 5);
}

#[test]
fn a_broken_instance_is_refused_with_its_line_and_a_remedy() {
    let cases = [
        ("NODE_COORD_SECTION\n1 0 0\n".to_owned(), "line 1: DIMENSION is missing; add"),
        ("".to_owned(), "line 1: DIMENSION is missing; add"),
        ("DIMENSION: 3\nNAME: x".to_owned(), "line 2: EDGE_WEIGHT_TYPE is missing; add"),
        (
            "DIMENSION: 3\nEDGE_WEIGHT_TYPE: ATT\n".to_owned(),
            "line 2: the file ends without a NODE_COORD_SECTION",
        ),
        ("DIMENSION: 0".to_owned(), "line 1: DIMENSION \"0\" is not a whole number from 1 to 100000"),
        ("DIMENSION: 99999999999999999999".to_owned(), "line 1: DIMENSION \"99999999999999999999\" is not"),
        ("DIMENSION: -3".to_owned(), "line 1: DIMENSION \"-3\" is not"),
        ("DIMENSION: 3\nDIMENSION: 3".to_owned(), "line 2: DIMENSION occurs a second time; remove"),
        (
            "EDGE_WEIGHT_TYPE: XRAY1".to_owned(),
            "line 1: EDGE_WEIGHT_TYPE \"XRAY1\" is not supported; use one of: EUC_2D",
        ),
        ("TYPE: ATSP".to_owned(), "line 1: TYPE \"ATSP\" is not supported; use one of: TSP"),
        ("TYPE: TOUR\nDIMENSION: 3".to_owned(), "line 2: TYPE \"TOUR\" is not supported"),
        ("DIMENSION: 3\n\nHELLO: you".to_owned(), "line 3: unknown keyword or section \"HELLO\""),
        (
            "DIMENSION: 3\nFIXED_EDGES_SECTION\n1 2\n-1".to_owned(),
            "line 2: unknown keyword or section \"FIXED_",
        ),
        ("1 2 3".to_owned(), "line 1: expected a keyword or a section before any data, found \"1 2 3\""),
        (planar("1 0 0\n2 1 1\n"), "line 5: NODE_COORD_SECTION ends after 2 of 3 entries"),
        (planar("1 0 0\n2 1 1\n3 0 1\n4 0 2\n"), "line 7: NODE_COORD_SECTION goes on after its 3 entries"),
        (planar("1 0 0\n2 1\n3 0 1\n"), "line 5: expected a city and two coordinates, found \"2 1\""),
        (planar("1 0 0\n2 1 1 1\n"), "line 5: expected a city and two coordinates"),
        (planar("1 0 0\n2 1 x\n"), "line 5: expected a coordinate, found \"x\""),
        (planar("1 0 0\n2.5 1 1\n"), "line 5: expected the number of a city, found \"2.5\""),
        (planar("1 0 0\n2 NaN 1\n"), "line 5: coordinate \"NaN\" is not a finite number"),
        (planar("1 0 0\n2 1 -inf\n"), "line 5: coordinate \"-inf\" is not a finite number"),
        (planar("1 0 0\n2 1e300 1\n"), "line 5: coordinate \"1e300\" is not a finite number"),
        (planar("nan 0 0\n"), "line 4: expected the number of a city, found \"nan\""),
        (planar("1 0 0\n1 1 1\n"), "line 5: city 1 occurs a second time"),
        (planar("1 0 0\n4 1 1\n"), "line 5: city 4 is not between 1 and 3"),
        (planar("1 0 0\n0 1 1\n"), "line 5: city 0 is not between 1 and 3"),
        (explicit("UPPER_ROW", "1 2"), "line 5: EDGE_WEIGHT_SECTION ends after 2 of 3 entries"),
        (explicit("UPPER_ROW", ""), "line 4: EDGE_WEIGHT_SECTION ends after 0 of 3 entries"),
        (explicit("UPPER_ROW", "1 2\n3 4"), "line 6: EDGE_WEIGHT_SECTION goes on after its 3 entries"),
        (explicit("UPPER_ROW", "1 2\n-3"), "line 6: expected a distance, a whole number"),
        (explicit("UPPER_ROW", "1 2.5 3"), "line 5: expected a distance, a whole number"),
        (explicit("FULL_MATRIX", "0 1 2\n1 0 3\n2 4 0"), "line 7: the distance from city 3 to 2 differs"),
        (explicit("UPPER_COL", "1 2 3"), "line 3: EDGE_WEIGHT_FORMAT \"UPPER_COL\" is not supported"),
        (
            "DIMENSION:3\nEDGE_WEIGHT_TYPE:EXPLICIT\nEDGE_WEIGHT_SECTION\n1".to_owned(),
            "line 3: EDGE_WEIGHT_FORMAT is missing",
        ),
        (
            "DIMENSION:2501\nEDGE_WEIGHT_FORMAT:UPPER_ROW\nEDGE_WEIGHT_SECTION\n1".to_owned(),
            "line 3: EDGE_WEIGHT_SECTION \"of 2501 cities\" is not supported; use one of: at most 2500",
        ),
    ];
    for (text, expected) in cases {
        let message = refusal(&text);
        assert!(message.starts_with(expected), "{text}\n  gave: {message}\n  not:  {expected}");
    }
}

#[test]
fn a_broken_tour_is_refused_with_its_line_and_a_remedy() {
    let tour = |cities| format!("TYPE : TOUR\nDIMENSION : 3\nTOUR_SECTION\n{cities}");
    let cases = [
        (tour("1\n2\n2\n-1\nEOF"), "line 6: city 2 occurs a second time"),
        (tour("1\n2\n-1"), "line 6: TOUR_SECTION ends after 2 of 3 entries"),
        (tour("1\n2"), "line 5: TOUR_SECTION ends after 2 of 3 entries"),
        (tour("1 2 3 4 -1"), "line 4: TOUR_SECTION goes on after its 3 entries"),
        (tour("1 2 3 -1\n1"), "line 5: TOUR_SECTION goes on after its 3 entries"),
        (tour("1 2 9 -1"), "line 4: city 9 is not between 1 and 3"),
        (tour("1 2 -3"), "line 4: expected the number of a city, found \"-3\""),
        (tour(""), "line 3: TOUR_SECTION ends after 0 of 3 entries"),
        ("TOUR_SECTION\n-1".to_owned(), "line 2: TOUR_SECTION ends after 0 of 1 entries"),
        ("TOUR_SECTION\n1 2 4 -1".to_owned(), "line 2: TOUR_SECTION ends after 3 of 4 entries"),
        ("NAME: x".to_owned(), "line 1: the file ends without a TOUR_SECTION"),
        ("DIMENSION: 3\nNODE_COORD_SECTION".to_owned(), "line 2: unknown keyword or section \"NODE_COORD_"),
        ("TYPE: TSP\nTOUR_SECTION\n1".to_owned(), "line 2: TYPE \"TSP\" is not supported"),
    ];
    for (text, expected) in cases {
        let message = tour_refusal(&text);
        assert!(message.starts_with(expected), "{text}\n  gave: {message}\n  not:  {expected}");
    }
    assert_eq!(parse_tour("TOUR_SECTION\n3 1\n2 -1\nEOF").unwrap().cities(), [2, 0, 1]);
}

#[test]
fn files_that_are_no_text_or_not_there_are_refused() {
    let directory = std::env::temp_dir().join(format!("tsplib-reader-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("binary.tsp");
    fs::write(&path, b"NAME : x\nCOMMENT : \xff\xfe\n").unwrap();
    let message = Instance::read(&path).unwrap_err().to_string();
    fs::remove_dir_all(&directory).unwrap();
    assert!(message.starts_with("line 2: not UTF-8"), "{message}");
    let message = Instance::read(&path).unwrap_err().to_string();
    assert!(message.contains("binary.tsp") && message.contains("check"), "{message}");
}

#[test]
fn names_lose_control_characters_and_messages_stay_short() {
    let name = parse(&format!("NAME: a\u{1b}[31mb\n{}", planar("1 0 0\n2 1 1\n3 0 1\n"))).unwrap().name;
    assert_eq!(name, "a[31mb");
    assert!(refusal(&"X".repeat(1 << 20)).len() < 200);
}

#[test]
fn mutated_files_never_panic() {
    let mut rng = fastrand::Rng::with_seed(1);
    let seeds = [
        short(&fs::read_to_string(data("pcb442.tsp")).unwrap()),
        fs::read_to_string(data("pcb442.opt.tour")).unwrap(),
        explicit("LOWER_DIAG_ROW", "0 1 0 2 3 0\nDISPLAY_DATA_SECTION\n1 0 0\n2 1 0\n3 0 1.5\nEOF"),
    ];
    for round in 0..3_000 {
        let mut bytes = seeds[round % seeds.len()].clone().into_bytes();
        for _ in 0..rng.usize(1..6) {
            mutate(&mut bytes, &mut rng);
        }
        let text = String::from_utf8_lossy(&bytes);
        // Whatever passes must be usable too.
        if let Ok(instance) = parse(&text) {
            let all: Vec<u32> = (0..instance.dimension() as u32).collect();
            assert!(instance.length(&all) >= 0);
        }
        let _ = parse_tour(&text);
    }
}

/// The first cities of a file only: mutations then hit keywords as often as data.
fn short(file: &str) -> String {
    let head: Vec<&str> = file.lines().take(26).collect();
    head.join("\n").replace("DIMENSION : 442", "DIMENSION : 20")
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    const SNIPPETS: [&[u8]; 12] = [
        b"-1",
        b"\n",
        b":",
        b" ",
        b"nan",
        b"1e999",
        b"EOF\n",
        b"99999999999999999999",
        b"\0",
        b"\xff",
        b"GEO",
        b"-",
    ];
    let at = rng.usize(..=bytes.len());
    match rng.u8(..5) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..rng.usize(at..=bytes.len().min(at + 30)))),
        2 => {
            let snippet = SNIPPETS[rng.usize(..SNIPPETS.len())];
            drop(bytes.splice(at..at, snippet.iter().copied()));
        }
        3 => {
            let copied = bytes[at..bytes.len().min(at + 40)].to_vec();
            drop(bytes.splice(at..at, copied));
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.u8(..);
            }
        }
    }
}
