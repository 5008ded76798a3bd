//! The whole measurement with as little of everything as there can be.

use clap::Parser;

use super::report::Report;
use super::{Options, measure};

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_started_or_refused_as_its_row_claims() {
    let options = Options::parse_from([
        "eviction",
        "--slots=3",
        "--overlap=2",
        "--check=0.1",
        "--kill-timeout=1",
        "--rounds=2",
        "--requests=3",
    ]);
    let report = Report::new(&options, &measure::measure(&options).await.unwrap());
    let rows: Vec<_> = report
        .situations
        .iter()
        .map(|row| (row.holders, row.overlap, row.requests, row.refused, row.slots_lost))
        .collect();
    assert_eq!(
        rows,
        [
            ("none", 0, 6, 0, 0),
            ("rarely look", 0, 6, 0, 0),
            ("rarely look", 2, 6, 0, 0),
            ("rarely look", 2, 6, 0, 0),
            // Waits for every slot in vain.
            ("never look", 0, 2, 2, 6),
            // As many as may be left over lose no slot.
            ("never look", 2, 4, 0, 0),
            ("never look", 2, 4, 0, 0),
        ]
    );
    for row in &report.situations {
        let started = row.start.map_or(0, |start| start.samples);
        assert_eq!(started + row.refused, row.requests, "{row:?}");
        assert_eq!(row.refusal.map_or(0, |refusal| refusal.samples), row.refused, "{row:?}");
        assert_eq!(row.times_empty.is_some(), started > 0, "{row:?}");
        let ended = row.stop.map_or(0, |stop| stop.samples);
        let victims = match row.holders {
            "none" => 0,
            "rarely look" => row.requests,
            _ => {
                assert_eq!(
                    (ended, row.left),
                    (0, 0),
                    "none ends by itself, and all are past their time: {row:?}"
                );
                if row.overlap == 0 { 3 * row.requests } else { row.requests }
            }
        };
        assert_eq!(ended + row.left + row.wedged, victims, "{row:?}");
    }
    let by_turn: Vec<usize> = report.situations.iter().map(|row| row.start_by_turn.len()).collect();
    assert_eq!(by_turn, [0, 0, 3, 3, 0, 2, 2]);

    let text = report.text();
    assert!(text.contains("rarely look") && text.contains("never look, 2 (off)"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["situations"].as_array().unwrap().len(), rows.len());
}
