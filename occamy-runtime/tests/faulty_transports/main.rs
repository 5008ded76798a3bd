//! The conformance kit is tested, too: for each check there is a transport that breaks just that promise, and it fails
//! that check and no other.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

#[path = "../conformance/memory.rs"]
mod memory;
mod messages;
mod subject;
mod transport;

use std::collections::BTreeSet;
use std::sync::Arc;

use occamy_runtime::conformance::{CheckVerdict, Subject, checks, run};

use subject::Faulty;

/// A promise that is broken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// What waits when no server is connected is stored twice.
    DoublesTheBacklog,
    /// Every 20th control message is lost by each server.
    LosesControls,
    /// Every 20th control message comes twice.
    RepeatsControls,
    /// One more request is handed out than the server has room for.
    IgnoresCredit,
    /// Requests that are being settled don't count.
    IgnoresSettlements,
    /// A lease that is kept for a while, and then lost.
    LosesLongLeases,
    /// A settlement settles everything before it as well, of a server that has many.
    SettlesWhatWasBefore,
    /// What is handed back comes to the same server, after a pause.
    KeepsWhatIsHandedBack,
    /// What is handed back is available at once.
    SpinsWhatIsHandedBack,
    /// An interruption counts as an attempt.
    CountsInterruptions,
    /// A refusal counts as an attempt.
    CountsRefusals,
    /// Dead letters of several attempts have no headers but the reason.
    DeadLettersLoseHeaders,
    /// Dead letters of several attempts don't say why.
    DeadLettersLoseReason,
    /// Dead letters of several attempts have lost their body.
    DeadLettersLoseBody,
    /// A first failure is a retry, whatever the server says.
    RetriesWhatIsBad,
    /// Floats arrive as strings.
    FloatsBecomeStrings,
    /// Strings lose the blanks around them.
    TrimsStrings,
    /// A message with very many headers ends the stream.
    DiesOfManyKeys,
    /// A bare carriage return makes a server deaf for control messages.
    GoesDeafOfCr,
    /// Requests without a body are confirmed, and lost.
    LosesEmptyBodies,
    /// The last byte of a large body is lost.
    TruncatesLargeBodies,
    /// A body that is too large is taken, and lost.
    TakesTooLargeBodies,
    /// What a killed server has had for longer than a lease is lost.
    LosesWithTheServer,
    /// The stream of requests ends when the broker is away.
    GivesUpInOutages,
    /// The stream of requests gives errors without a pause when the broker is away.
    SpinsInOutages,
    /// Once the broker was away a server stays disconnected.
    StaysAway,
    /// The outbox takes everything.
    HasAnEndlessOutbox,
    /// A silent connection is taken for a good one.
    TrustsSilence,
    /// A drained server settles one more request, that nobody has seen.
    LosesWhatIsFetched,
    /// Requests wait until control messages have been read.
    QueuesRequestsBehindControls,
    /// After a restart of the broker requests are delivered again, and both settlements are taken.
    SettlesTwiceAfterRestarts,
    /// The task of a restarted broker can't be settled.
    ForgetsRequestsInRestarts,
    /// Every 250th request is stored twice.
    RepeatsSomeRequests,
    /// Every 10th retry is lost.
    LosesSomeRetries,
    /// A wrong password is in the error.
    TellsThePassword,
    /// A wrong password is logged.
    LogsThePassword,
    /// A wrong password is shown by `Debug`.
    ShowsThePassword,
    /// Any password will do.
    TakesAnyPassword,
    /// That the password was wrong is not said.
    IsUnclear,
    /// A connection with a certificate for another host.
    TakesAnyHostName,
    /// A connection with a certificate that has expired.
    TakesExpired,
    /// A connection with a certificate that nobody has signed.
    TakesSelfSigned,
}

/// Each fault with the check that finds it.
const TABLE: &[(Fault, &str)] = &[
    (Fault::DoublesTheBacklog, "request_to_one_server"),
    (Fault::LosesControls, "control_to_every_server"),
    (Fault::RepeatsControls, "control_to_every_server"),
    (Fault::IgnoresCredit, "in_flight_within_slots"),
    (Fault::IgnoresSettlements, "in_flight_within_slots"),
    (Fault::LosesLongLeases, "long_task_keeps_its_lease"),
    (Fault::SettlesWhatWasBefore, "settle_in_any_order"),
    (Fault::KeepsWhatIsHandedBack, "requeue_reaches_another_server"),
    (Fault::SpinsWhatIsHandedBack, "requeue_does_not_spin"),
    (Fault::CountsInterruptions, "handing_back_uses_up_no_attempts"),
    (Fault::CountsRefusals, "handing_back_uses_up_no_attempts"),
    (Fault::DeadLettersLoseHeaders, "dead_letter_after_max_attempts"),
    (Fault::DeadLettersLoseReason, "dead_letter_after_max_attempts"),
    (Fault::DeadLettersLoseBody, "dead_letter_after_max_attempts"),
    (Fault::RetriesWhatIsBad, "bad_request_dies_at_once"),
    (Fault::FloatsBecomeStrings, "typed_headers_round_trip"),
    (Fault::TrimsStrings, "typed_headers_round_trip"),
    (Fault::DiesOfManyKeys, "hostile_headers_do_no_harm"),
    (Fault::GoesDeafOfCr, "hostile_headers_do_no_harm"),
    (Fault::LosesEmptyBodies, "empty_and_maximal_bodies"),
    (Fault::TruncatesLargeBodies, "empty_and_maximal_bodies"),
    (Fault::TakesTooLargeBodies, "empty_and_maximal_bodies"),
    (Fault::LosesWithTheServer, "killed_server_loses_nothing"),
    (Fault::GivesUpInOutages, "broker_away"),
    (Fault::SpinsInOutages, "broker_away"),
    (Fault::StaysAway, "broker_away"),
    (Fault::HasAnEndlessOutbox, "broker_away"),
    (Fault::TrustsSilence, "half_open_connection"),
    (Fault::LosesWhatIsFetched, "shutdown_under_load"),
    (Fault::QueuesRequestsBehindControls, "control_flood_delays_no_request"),
    (Fault::SettlesTwiceAfterRestarts, "broker_restarted"),
    (Fault::ForgetsRequestsInRestarts, "broker_restarted"),
    (Fault::RepeatsSomeRequests, "nothing_runs_twice_without_faults"),
    (Fault::LosesSomeRetries, "nothing_is_lost_whatever_happens"),
    (Fault::TellsThePassword, "wrong_password"),
    (Fault::LogsThePassword, "wrong_password"),
    (Fault::ShowsThePassword, "wrong_password"),
    (Fault::TakesAnyPassword, "wrong_password"),
    (Fault::IsUnclear, "wrong_password"),
    (Fault::TakesAnyHostName, "tls_wrong_host_name"),
    (Fault::TakesExpired, "tls_expired"),
    (Fault::TakesSelfSigned, "tls_self_signed"),
];

#[test]
fn each_fault_fails_its_check_and_no_other() {
    let mut wrong = Vec::new();
    for &(fault, expected) in [(Fault::None, "")].iter().chain(TABLE) {
        let subject: Arc<dyn Subject> = Arc::new(Faulty::new(fault));
        let report = run(&subject, 1, |_| true, |_| ());
        let failed: Vec<_> = report.failed().collect();
        let expected: Vec<_> = Some(expected).filter(|check| !check.is_empty()).into_iter().collect();
        if failed != expected {
            let failures = report.outcomes.iter();
            let failures = failures.filter(|outcome| matches!(outcome.verdict, CheckVerdict::Failed(_)));
            let failures: Vec<_> = failures.map(ToString::to_string).collect();
            wrong.push(format!("{fault:?} fails {failed:?}, not {expected:?}: {failures:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_check_has_a_fault_that_it_finds() {
    let found: BTreeSet<_> = TABLE.iter().map(|&(_, check)| check).collect();
    let all: BTreeSet<_> = checks().map(|(check, _)| check).collect();
    assert_eq!(found, all);
}
