//! Tasks of an application, and the virtual time that they sleep by.

use sanket::testing::{Bench, Clock};
use sanket::{AckId, App, ConnectRequest, Effects, Event, Reason, SocketId, Target};
use serde_json::json;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Answers `work` after as many milliseconds as its argument says, by a task that sleeps twice.
#[derive(Default)]
struct Slow {
    clock: Option<Clock>,
    waker: Option<Waker>,
    done: Arc<Mutex<Vec<(AckId, u64)>>>,
}

impl App for Slow {
    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, who: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let millis: u64 = event.first_arg().and_then(|arg| arg.parse().ok()).expect("a number");
        let (clock, waker) = (self.clock.clone().expect("a clock"), self.waker.clone().expect("attached"));
        let (done, ack) = (self.done.clone(), ack.expect("an ack"));
        fx.emit(Target::Socket(who), "begun", &millis);
        fx.spawn(Box::pin(async move {
            for _ in 0..2 {
                clock.sleep(Duration::from_millis(millis / 2)).await;
            }
            assert!(millis < 1_000_000, "so long?");
            done.lock().expect("no panic").push((ack, millis));
            waker.wake();
        }));
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}

    fn attach(&mut self, waker: Waker) {
        self.waker = Some(waker);
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        for (ack, millis) in self.done.lock().expect("no panic").drain(..) {
            fx.ack(ack, &[millis, fx.now().as_millis() - Bench::<Self>::START.as_millis()]);
        }
    }
}

fn bench() -> Bench<Slow> {
    let bench = Bench::new(Slow::default());
    let clock = bench.clock();
    bench.app(|app| app.clock = Some(clock));
    bench
}

#[test]
fn tasks_sleep_by_virtual_time_and_wake_the_application() {
    let bench = bench();
    let ann = bench.connect("/", ());
    let [long, short, none] = [2_000, 500, 0].map(|millis| ann.emit_with_ack("work", millis));
    assert_eq!(none.expect(), json!([[0, 0]]), "it is done at once");
    assert_eq!((bench.tasks(), short.get()), (2, None));
    bench.advance(Duration::from_millis(499));
    assert_eq!(short.get(), None);
    bench.advance(Duration::from_millis(1));
    assert_eq!(short.expect(), json!([[500, 500]]));
    assert_eq!(bench.tasks(), 1);
    bench.advance(Duration::from_secs(60));
    assert_eq!(long.expect(), json!([[2_000, 2_000]]), "at its time, however far the bench went");
    assert_eq!((bench.tasks(), bench.clock().elapsed()), (0, Duration::from_millis(60_500)));
}

#[test]
#[should_panic(expected = "so long?")]
fn a_task_that_panics_fails_the_test() {
    let bench = bench();
    let ann = bench.connect("/", ());
    ann.emit_with_ack("work", 1_000_000);
    bench.advance(Duration::from_secs(1_000));
}

#[test]
fn sleeps_end_in_the_order_of_time() {
    let bench = bench();
    let (clock, order) = (bench.clock(), Arc::new(Mutex::new(Vec::new())));
    for millis in [300, 100, 200, 100] {
        let (clock, order) = (clock.clone(), order.clone());
        bench.spawn(async move {
            clock.sleep(Duration::from_millis(millis)).await;
            order.lock().expect("no panic").push((millis, clock.elapsed().as_millis()));
        });
    }
    bench.advance(Duration::from_secs(1));
    assert_eq!(*order.lock().expect("no panic"), [(100, 100), (100, 100), (200, 200), (300, 300)]);
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls each of its futures only when that one was woken, as `FuturesUnordered` does.
struct Each {
    parts: Vec<(Option<Boxed>, Arc<Part>)>,
}

#[derive(Default)]
struct Part(Mutex<(bool, Option<Waker>)>);

impl Wake for Part {
    fn wake(self: Arc<Self>) {
        let mut part = self.0.lock().expect("no panic");
        part.0 = true;
        part.1.take().into_iter().for_each(Waker::wake);
    }
}

impl Future for Each {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for (future, part) in &mut self.parts {
            let woken = {
                let mut part = part.0.lock().expect("no panic");
                part.1 = Some(cx.waker().clone());
                std::mem::take(&mut part.0)
            };
            if woken && let Some(running) = future {
                let waker = part.clone().into();
                if running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                    *future = None;
                }
            }
        }
        if self.parts.iter().all(|(future, _)| future.is_none()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[test]
fn sleeps_behind_other_wakers_end_too() {
    let bench = bench();
    let order = Arc::new(Mutex::new(Vec::new()));
    let parts = [50_u64, 10, 30].map(|millis| {
        let (clock, order) = (bench.clock(), order.clone());
        let sleep: Boxed = Box::pin(async move {
            clock.sleep(Duration::from_millis(millis)).await;
            order.lock().expect("no panic").push(clock.elapsed().as_millis());
        });
        (Some(sleep), Arc::new(Part(Mutex::new((true, None)))))
    });
    bench.spawn(Each { parts: parts.into() });
    bench.advance(Duration::from_millis(29));
    assert_eq!(*order.lock().expect("no panic"), [10]);
    bench.advance(Duration::from_millis(29));
    assert_eq!(*order.lock().expect("no panic"), [10, 30, 50]);
    assert_eq!(bench.tasks(), 0);
}

#[test]
fn tasks_wake_each_other() {
    let bench = bench();
    let shared = Arc::new(Mutex::new((false, None::<Waker>)));
    let waits = shared.clone();
    bench.spawn(poll_fn(move |cx| {
        let mut shared = waits.lock().expect("no panic");
        shared.1 = Some(cx.waker().clone());
        if shared.0 { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(bench.tasks(), 1);
    let (wakes, clock) = (shared.clone(), bench.clock());
    bench.spawn(async move {
        clock.sleep(Duration::from_millis(7)).await;
        let mut shared = wakes.lock().expect("no panic");
        shared.0 = true;
        shared.1.take().into_iter().for_each(Waker::wake);
    });
    bench.advance(Duration::from_millis(7));
    assert_eq!(bench.tasks(), 0);
    // From outside of the bench.
    let outside = Arc::new(Mutex::new(None::<Waker>));
    let kept = outside.clone();
    let mut polls = 0;
    bench.spawn(poll_fn(move |cx| {
        *kept.lock().expect("no panic") = Some(cx.waker().clone());
        polls += 1;
        if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
    }));
    outside.lock().expect("no panic").take().expect("it was polled").wake();
    bench.settle();
    assert_eq!(bench.tasks(), 0);
}
