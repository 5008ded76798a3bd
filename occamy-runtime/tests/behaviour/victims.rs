//! Who has to go when a request needs a slot.

use occamy_core::{BoxTask, Observation, SlotStatus};

use crate::common::{Act, Count, World};

#[tokio::test(start_paused = true)]
async fn offers_go_before_the_assistants_of_requests() {
    let world = World::with(3, |builder| builder.without_expansion_period());
    let asked = Count::new(&world.bell);
    world.request(Act::new("master").expand(move |_| {
        let assistants: [BoxTask; 1] = [Act::new("assistant").into()];
        if asked.up() == 0 { assistants.into() } else { Vec::new() }
    }));
    world.until("the assistant runs", || world.running("assistant") == 1).await;
    world.offer(Act::new("offer"));
    world.until("the offer runs", || world.running("offer") == 1).await;

    let stopped =
        |who: &str| world.count(|o| matches!(o, Observation::Stopping { group, .. } if &**group == who));
    let stops = || ["offer", "assistant", "master"].map(stopped);
    world.request(Act::new("request"));
    world.until("one was stopped", || stops().iter().sum::<usize>() == 1).await;
    assert_eq!(stops(), [1, 0, 0]);
    world.request(Act::new("request"));
    world.until("another was stopped", || stops().iter().sum::<usize>() == 2).await;
    assert_eq!(stops(), [1, 1, 0]);
    world.until("both run", || world.running("request") == 2).await;
    assert_eq!(world.slots(SlotStatus::Protected), 3);
}
