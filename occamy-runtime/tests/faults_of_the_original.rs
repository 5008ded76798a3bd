//! One test for each of the 22 faults of the library that this one redesigns. Each is named after its number here:
//!
//! | fault | what must not happen again | in |
//! | --- | --- | --- |
//! | 1 | a task id that is not a string brings the server down | `messages` |
//! | 2 | an offer without a deadline counts as expired | `messages` |
//! | 3 | an offer that can't be placed blocks those behind it | `messages` |
//! | 4 | tasks are asked for more assistants than can be placed, or fewer | `expansion` |
//! | 5 | a stopped protected task settles its message wrongly, or never | `messages` |
//! | 6 | things begin after a shutdown has | `messages` |
//! | 7 | a panic of the user's takes the server with it | `robustness` |
//! | 8 | a victim that ignores its stop holds up all requests | `eviction` |
//! | 9 | errors of unprotected tasks are lost | `robustness` |
//! | 10 | offers pile up without a bound | `messages` |
//! | 11 | a message whose handler fails is not settled | `messages` |
//! | 12 | a control message whose handlers fail is not settled | `robustness` |
//! | 13 | settings that make no sense are taken | `robustness` |
//! | 14 | a slot that is freed as a request arrives is missed | `eviction` |
//! | 15 | chance decides whether requests or offers are asked first | `expansion` |
//! | 16 | user code that calls the server deadlocks | `robustness` |
//! | 17 | a burst waits for all its victims one after the other | `eviction` |
//! | 18 | an evicted offer is lost | `eviction` |
//! | 19 | a control message reaches the wrong task | `robustness` |
//! | 20 | the first of several equal tasks keeps all spare slots | `expansion` |
//! | 21 | an offer that expands keeps all others out | `expansion` |
//! | 22 | a stop that overtakes its start is lost | `robustness`, and `shuttle.rs` |

mod common;

#[path = "faults_of_the_original/eviction.rs"]
mod eviction;
#[path = "faults_of_the_original/expansion.rs"]
mod expansion;
#[path = "faults_of_the_original/messages.rs"]
mod messages;
#[path = "faults_of_the_original/robustness.rs"]
mod robustness;
