//! Takes the time of both sides. `tests/bench/run` runs it, and says how they compare.
#![allow(missing_docs)]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sanket::Revision;
use sanket_bench::inputs::{self, Message};
use sanket_bench::{ours, theirs};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 4] = [64, 1 << 10, 64 << 10, 1 << 20];
const REVISIONS: [Revision; 2] = [Revision::V4, Revision::V3];

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(50);
    group
}

fn event(c: &mut Criterion) {
    let (ours, theirs) = (ours::Side::default(), theirs::Side::default());
    let mut group = group(c, "decode an event");
    for size in SIZES {
        let text = inputs::text(&inputs::messages(size));
        assert_eq!(text.len(), size);
        let shared = theirs::shared(&text);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("sanket", size), |b| {
            b.iter(|| {
                ours.event(black_box(&text), |name, args| {
                    black_box((name, args));
                })
            });
        });
        group.bench_function(BenchmarkId::new("socketioxide", size), |b| {
            b.iter(|| {
                theirs.event(black_box(&shared), |name, args| {
                    black_box((name, args));
                })
            });
        });
    }
}

fn typed(c: &mut Criterion) {
    let (ours, theirs) = (ours::Side::default(), theirs::Side::default());
    let mut group = group(c, "decode an event and its arguments");
    for size in SIZES {
        let text = inputs::text(&inputs::messages(size));
        let shared = theirs::shared(&text);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("sanket", size), |b| {
            b.iter(|| ours.typed::<Vec<Message>>(black_box(&text)));
        });
        group.bench_function(BenchmarkId::new("socketioxide", size), |b| {
            b.iter(|| theirs.typed::<Vec<Message>>(black_box(&shared)));
        });
    }
}

fn encode_event(c: &mut Criterion) {
    let (mut ours, theirs) = (ours::Side::default(), theirs::Side::default());
    let mut group = group(c, "encode an event");
    for size in SIZES {
        let messages = inputs::messages(size);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::new("sanket", size), |b| {
            b.iter(|| ours.encode_event(black_box(&messages)));
        });
        group.bench_function(BenchmarkId::new("sanket with its hub", size), |b| {
            b.iter(|| ours.emit_event(black_box(&messages)));
        });
        group.bench_function(BenchmarkId::new("socketioxide", size), |b| {
            b.iter(|| theirs.encode_event(black_box(&messages)));
        });
    }
}

fn binary_event(c: &mut Criterion) {
    let (mut ours, theirs) = (ours::Side::default(), theirs::Side::default());
    let shared = theirs::shared(inputs::PICTURE);
    let mut decoding = group(c, "decode a binary event");
    for size in [64, 64 << 10] {
        let data = inputs::picture(size).data;
        decoding.throughput(Throughput::Bytes(size as u64));
        decoding.bench_function(BenchmarkId::new("sanket", size), |b| {
            b.iter(|| {
                ours.binary_event_codec(black_box(inputs::PICTURE), black_box(&data), |name, args, data| {
                    black_box((name, args, data));
                });
            });
        });
        decoding.bench_function(BenchmarkId::new("sanket with its session", size), |b| {
            b.iter(|| ours.binary_event(black_box(inputs::PICTURE), black_box(&data)));
        });
        decoding.bench_function(BenchmarkId::new("socketioxide", size), |b| {
            b.iter(|| theirs.binary_event(black_box(&shared), black_box(&data)));
        });
    }
    decoding.finish();
    let mut encoding = group(c, "encode a binary event");
    for size in [64, 64 << 10] {
        let picture = inputs::picture(size);
        encoding.throughput(Throughput::Bytes(size as u64));
        encoding.bench_function(BenchmarkId::new("sanket", size), |b| {
            b.iter(|| ours.encode_binary_event(black_box(&picture)));
        });
        encoding.bench_function(BenchmarkId::new("socketioxide", size), |b| {
            b.iter(|| theirs.encode_binary_event(black_box(&picture)));
        });
    }
}

fn payload(c: &mut Criterion) {
    let (ours, theirs) = (ours::Side::default(), theirs::Side::default());
    let sixteen = inputs::sixteen();
    for revision in REVISIONS {
        let body = match revision {
            Revision::V3 => inputs::body_v3(&sixteen),
            Revision::V4 => inputs::body_v4(&sixteen),
        };
        let of = format!("16 packets, EIO={}", revision.number());
        let (frames, queued) = (ours::queued(&sixteen), theirs::queued(&sixteen));
        let mut packets = group(c, &format!("decode {of}"));
        packets.throughput(Throughput::Bytes(body.len() as u64));
        packets.bench_function("sanket", |b| {
            b.iter(|| {
                ours.packets(revision, black_box(&body), |text| {
                    black_box(text);
                })
            });
        });
        packets.bench_function("socketioxide", |b| {
            b.iter(|| {
                theirs.packets(revision, black_box(&body), |text| {
                    black_box(text);
                })
            });
        });
        packets.finish();
        let mut events = group(c, &format!("decode {of}, and their events"));
        events.throughput(Throughput::Bytes(body.len() as u64));
        events.bench_function("sanket", |b| {
            b.iter(|| {
                ours.events(revision, black_box(&body), |name, args| {
                    black_box((name, args));
                })
            });
        });
        events.bench_function("socketioxide", |b| {
            b.iter(|| {
                theirs.events(revision, black_box(&body), |name, args| {
                    black_box((name, args));
                })
            });
        });
        events.finish();
        let mut encoding = group(c, &format!("encode {of}"));
        encoding.throughput(Throughput::Bytes(body.len() as u64));
        encoding.bench_function("sanket", |b| b.iter(|| ours.encode_packets(revision, black_box(&frames))));
        encoding.bench_function("socketioxide", |b| b.iter(|| theirs.encode_packets(revision, black_box(&queued))));
    }
}

criterion_group!(benches, event, typed, encode_event, binary_event, payload);
criterion_main!(benches);
