//! Patterns of parameters.

use larder::cached;
use serde::Serialize;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_tuple_taken_apart() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn difference((a, b): (u32, u32)) -> u32 {
        RUNS.count();
        a - b
    }
    make_room();

    assert_eq!(difference((3, 1)).await, 2);
    assert_eq!(difference((3, 1)).await, 2);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(difference((3, 2)).await, 1);
    assert_eq!(difference((4, 1)).await, 3);
    assert_eq!(RUNS.total(), 3);
}

#[derive(Serialize)]
struct Point {
    x: i32,
    y: i32,
}

#[tokio::test]
async fn a_struct_a_reference_and_an_array_taken_apart() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn moved(Point { x, y: height }: Point, &by: &i32, [left, right]: [i32; 2]) -> i32 {
        RUNS.count();
        x + 10 * height + 100 * by + 1000 * left + 10_000 * right
    }
    make_room();

    assert_eq!(moved(Point { x: 1, y: 2 }, &3, [4, 5]).await, 54_321);
    assert_eq!(moved(Point { x: 1, y: 2 }, &3, [4, 5]).await, 54_321);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(moved(Point { x: 2, y: 1 }, &3, [4, 5]).await, 54_312);
    assert_eq!(moved(Point { x: 1, y: 2 }, &3, [5, 4]).await, 45_321);
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_parameter_that_the_body_changes() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn halvings(mut n: u32, mut trace: Vec<u32>) -> Vec<u32> {
        RUNS.count();
        while n > 1 {
            n /= 2;
            trace.push(n);
        }
        trace
    }
    make_room();

    assert_eq!(halvings(8, vec![]).await, [4, 2, 1]);
    assert_eq!(halvings(8, vec![]).await, [4, 2, 1]);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(halvings(8, vec![9]).await, [9, 4, 2, 1]);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_name_that_begins_with_an_underscore_is_in_the_key() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn versioned(id: u32, _version: u32) -> u32 {
        RUNS.count();
        id
    }
    make_room();

    assert_eq!(versioned(1, 1).await, 1);
    assert_eq!(versioned(1, 1).await, 1);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(versioned(1, 2).await, 1);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_parameter_without_a_name() {
    static RUNS: Runs = Runs::new();
    #[cached(key = (id, page))]
    async fn shown(_: &Point, id: u32, Point { x: page, .. }: &Point) -> String {
        RUNS.count();
        format!("{id} on {page}")
    }
    let (here, there) = (Point { x: 1, y: 2 }, Point { x: 2, y: 2 });
    make_room();

    assert_eq!(shown(&here, 7, &here).await, "7 on 1");
    assert_eq!(shown(&there, 7, &here).await, "7 on 1");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(shown(&here, 7, &there).await, "7 on 2");
    assert_eq!(shown(&here, 8, &here).await, "8 on 1");
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn every_parameter_without_a_name() {
    const VERSION: u32 = 3;
    static RUNS: Runs = Runs::new();
    #[cached(key = "{VERSION}")]
    async fn settings(_: &Point, (..): (u32, u32)) -> Vec<u32> {
        RUNS.count();
        vec![1, 2]
    }
    make_room();

    assert_eq!(settings(&Point { x: 1, y: 2 }, (1, 2)).await, [1, 2]);
    assert_eq!(settings(&Point { x: 2, y: 1 }, (2, 1)).await, [1, 2]);
    assert_eq!(RUNS.total(), 1);
}

#[derive(Serialize)]
struct Meters(u32);

#[tokio::test]
async fn patterns_in_patterns() {
    static RUNS: Runs = Runs::new();
    #[cached(skip(unit))]
    #[expect(clippy::toplevel_ref_arg, reason = "it is what is tested")]
    async fn way(
        (Meters(mut length), [(from, to), (over, _by)]): (Meters, [(char, char); 2]),
        ref unit: String,
        mut factor: u32,
    ) -> String {
        RUNS.count();
        factor += 1;
        length *= factor;
        format!("{from} {over} {to}: {length} {unit}")
    }
    let stops = |by| [('a', 'c'), ('b', by)];
    make_room();

    let way = async |meters, by| way((Meters(meters), stops(by)), "m".into(), 9).await;
    assert_eq!(way(1, 'x').await, "a b c: 10 m");
    assert_eq!(way(1, 'x').await, "a b c: 10 m");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(way(2, 'x').await, "a b c: 20 m");
    assert_eq!(way(1, 'y').await, "a b c: 10 m");
    assert_eq!(RUNS.total(), 3);
}
