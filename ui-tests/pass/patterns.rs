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
