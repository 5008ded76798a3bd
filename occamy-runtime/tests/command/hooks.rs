//! What a command does beside running: control messages, assistants.

use occamy_core::{BoxTask, CommandTask, ErrorKind, SlotStatus, Verdict};

use crate::common::{Log, World};
use crate::processes::until_gone;
use crate::scripts::{DEAF, Said, sh};

#[tokio::test]
async fn control_messages_reach_the_hook() {
    let world = World::new(1);
    let heard = Log::new(&world.bell);
    let (said, command) = Said::by(&world, sh("master", "echo $$; sleep 1000"));
    world.offer(command.on_control({
        let heard = heard.clone();
        move |cx, headers, body| {
            heard.add(format!("{} {}", cx.id(), String::from_utf8_lossy(body)));
            headers.string("task-id").map(drop)?;
            headers.integer("number").map(drop)
        }
    }));
    said.id(&world).await;
    assert_eq!(world.control("master", "hello").settled().await, Verdict::Done);
    world.until("it was heard", || heard.get() == ["master hello"]).await;
    world.until("its error is recorded", || world.errors() == [ErrorKind::InvalidHeaders]).await;
}

#[tokio::test]
async fn assistants_that_are_commands_are_evicted_by_a_request() {
    let world = World::new(3);
    let ids = Log::new(&world.bell);
    let assistant = |ids: Log<i32>| -> BoxTask {
        sh("assistant", DEAF).on_output(move |_, line| ids.add(line.text().parse().unwrap())).into()
    };
    let master = sh("master", "sleep 1000").on_expand({
        let ids = ids.clone();
        move |limit| (0..limit).map(|_| assistant(ids.clone())).collect()
    });
    world.request(master);
    world.until("two assist", || ids.get().len() == 2).await;
    assert_eq!(world.slots(SlotStatus::UnprotectedInternal), 2);
    let request = world.request(CommandTask::new("true"));
    assert_eq!(request.settled().await, Verdict::Done);
    assert_eq!(world.errors(), [], "nothing was wedged");
    // The spare slot has an assistant again.
    world.until("a third assists", || ids.get().len() == 3).await;
    let ids = ids.get();
    drop(world);
    until_gone(&ids).await;
}
