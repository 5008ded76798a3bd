//! Control messages on their way to tasks.

use std::time::Duration;

use occamy_core::{BoxTask, Error, Headers, Observation, Verdict, VerdictKind};

use crate::common::{Act, Count, Gate, Letter, Log, Settling, World};

/// Writes down what it hears, once the gate is open.
fn listener(id: &str, heard: &Log<String>, gate: &Gate) -> BoxTask {
    let (heard, gate) = (heard.clone(), gate.clone());
    Act::new(id)
        .handle(move |cx, _, body| {
            heard.add(format!("{}:{}", cx.id(), String::from_utf8_lossy(body)));
            gate.pass();
            Ok(())
        })
        .into()
}

#[tokio::test]
async fn messages_come_one_at_a_time_and_in_order() {
    let world = World::new(1);
    let (calls, order) = (Count::new(&world.bell), Log::new(&world.bell));
    let inside = Count::new(&world.bell);
    world.request(Act::new("task").handle({
        let (calls, order, inside) = (calls.clone(), order.clone(), inside.clone());
        move |_, _, body| {
            let call = calls.up();
            std::thread::yield_now();
            assert_eq!(inside.up(), call, "nobody came in between");
            order.add(String::from_utf8_lossy(body).parse::<usize>().map_err(Error::other)?);
            Ok(())
        }
    }));
    for number in 0..200 {
        assert_eq!(world.control("task", &number.to_string()).verdict(), Some(VerdictKind::Done));
    }
    world.until("all are handled", || order.get().len() == 200).await;
    assert_eq!(order.get(), (0..200).collect::<Vec<_>>());
    assert_eq!(world.errors(), []);
}

#[tokio::test]
async fn a_full_mailbox_drops_its_oldest() {
    let world = World::with(1, |builder| builder.mailbox(3));
    let (heard, gate) = (Log::new(&world.bell), Gate::default());
    world.request(listener("a", &heard, &gate));
    world.control("a", "0");
    world.until("the first is being handled", || heard.get().len() == 1).await;
    for number in 1..=5 {
        assert_eq!(world.control("a", &number.to_string()).settled().await, Verdict::Done);
    }
    gate.open();
    world.until("the rest is handled", || heard.get().len() == 4).await;
    assert_eq!(heard.get(), ["a:0", "a:3", "a:4", "a:5"]);
    let dropped = |o: &Observation| matches!(o, Observation::ControlMessagesDropped { count: 1 });
    assert_eq!(world.count(dropped), 2);
}

#[tokio::test]
async fn a_slow_handler_delays_nobody_else() {
    let world = World::new(3);
    let (heard, gate) = (Log::new(&world.bell), Gate::default());
    let open = Gate::default();
    open.open();
    world.request(listener("slow", &heard, &gate));
    world.request(listener("quick", &heard, &open));
    let asked = Count::new(&world.bell);
    world.control("slow", "");
    world.until("it is being handled", || heard.get() == ["slow:"]).await;
    world.control("quick", "");
    world.until("the quick one has handled its own", || heard.get() == ["slow:", "quick:"]).await;
    world.request(Act::new("expands").expand({
        let asked = asked.clone();
        move |_| {
            asked.up();
            Vec::new()
        }
    }));
    world.offer(world.brief("offer"));
    world.server.expand_tasks();
    assert_eq!(world.request(Act::new("no room")).settled().await, Verdict::Busy);
    gate.open();
}

#[tokio::test]
async fn a_message_that_is_slow_to_settle_delays_nobody_elses() {
    let world = World::new(2);
    let (heard, open) = (Log::new(&world.bell), Gate::default());
    open.open();
    for id in ["a", "b"] {
        world.request(listener(id, &heard, &open));
    }
    let (begun, gate) = (Count::new(&world.bell), Gate::default());
    let slow = Letter::new(&world.bell, Headers::new().with("task-id", "a"))
        .settling(Settling::Blocks(begun.clone(), gate.clone()));
    let server = world.server.clone();
    let deliverer = std::thread::spawn(move || server.handle_control(Box::new(slow)));
    world.until("it is being settled", || begun.get() == 1).await;
    world.control("b", "");
    world.until("the other is handled", || heard.get().contains(&"b:".to_owned())).await;
    gate.open();
    deliverer.join().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_slow_to_settle_delays_nobodys_mail() {
    let world = World::new(3);
    let (heard, end, asked) = (Log::new(&world.bell), Gate::default(), Count::new(&world.bell));
    let (begun, gate) = (Count::new(&world.bell), Gate::default());
    // Whoever may be asked when the request ends.
    world.request(listener("b", &heard, &end));
    world.request(Act::new("asked").expand({
        let asked = asked.clone();
        move |limit| {
            asked.up();
            (0..limit).map(|_| Act::new("assistant").into()).collect()
        }
    }));
    world.until("no slot is spare", || world.running("assistant") == 1).await;
    let slow = world
        .letter(Act::new("slow").compute({
            let end = end.clone();
            move |_| {
                end.pass();
                Ok(())
            }
        }))
        .settling(Settling::Blocks(begun.clone(), gate.clone()));
    world.send_request(slow);
    world.until("it runs", || world.running("slow") == 1).await;
    // Longer than a family rests between two questions.
    tokio::time::sleep(Duration::from_millis(100)).await;
    end.open();
    world.until("it is being settled", || begun.get() == 1).await;
    world.control("b", "");
    world.until("the mail is handled", || heard.get() == ["b:"]).await;
    world.until("the other is asked again", || asked.get() == 2).await;
    gate.open();
}

#[tokio::test]
async fn every_running_task_of_an_id_gets_the_message_and_no_other() {
    let world = World::new(4);
    let (heard, gate) = (Log::new(&world.bell), Gate::default());
    gate.open();
    for id in ["a", "a", "b", ""] {
        world.request(listener(id, &heard, &gate));
    }
    for (id, body) in [("nobody", "1"), ("", "2"), ("a", "3"), ("b", "4")] {
        assert_eq!(world.control(id, body).verdict(), Some(VerdictKind::Done));
    }
    world.until("three are handled", || heard.get().len() == 3).await;
    let mut heard = heard.get();
    heard.sort();
    assert_eq!(heard, ["a:3", "a:3", "b:4"]);
    assert_eq!(world.errors(), []);
}

#[tokio::test]
async fn the_header_that_names_the_task_can_be_another() {
    let world = World::with(1, |builder| builder.task_id_header("job"));
    let (heard, gate) = (Log::new(&world.bell), Gate::default());
    gate.open();
    world.request(listener("a", &heard, &gate));
    let letter = world.letter(world.brief("offer")).with_header("job", "a").with_header("task-id", 5);
    assert_eq!(world.send_control(letter).settled().await, Verdict::Done);
    world.until("it is handled", || heard.get() == ["a:"]).await;
}

#[tokio::test]
async fn an_offer_that_runs_again_hears_nothing_of_its_last_run() {
    let world = World::new(1);
    let (heard, gate, runs) = (Log::new(&world.bell), Gate::default(), Count::new(&world.bell));
    world.offer(
        Act::new("offer")
            .handle({
                let (heard, gate) = (heard.clone(), gate.clone());
                move |_, _, body| {
                    heard.add(String::from_utf8_lossy(body).into_owned());
                    gate.pass();
                    Ok(())
                }
            })
            .run({
                let runs = runs.clone();
                move |cx| {
                    runs.up();
                    async move {
                        cx.stopped().await;
                        cx.check()
                    }
                }
            }),
    );
    world.until("it runs", || runs.get() == 1).await;
    world.control("offer", "first");
    world.until("the first message is being handled", || heard.get() == ["first"]).await;
    world.control("offer", "unread");
    assert_eq!(world.request(world.brief("request")).settled().await, Verdict::Done);
    world.until("it runs again", || runs.get() == 2).await;
    world.control("offer", "second");
    gate.open();
    world.until("the second is handled", || heard.get().last().is_some_and(|body| body == "second")).await;
    assert_eq!(heard.get(), ["first", "second"]);
}
