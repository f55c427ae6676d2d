//! Ways through a body, and out of it.

use larder::cached;

use crate::support::{Runs, make_room};

#[tokio::test]
async fn a_loop_that_ends_with_a_value() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn power_above(least: u64) -> u64 {
        RUNS.count();
        let mut power = 1;
        loop {
            tokio::task::yield_now().await;
            if power > least {
                break power;
            }
            power *= 2;
        }
    }
    make_room();

    assert_eq!(power_above(100).await, 128);
    assert_eq!(power_above(100).await, 128);
    assert_eq!(RUNS.total(), 1);
    assert_eq!(power_above(128).await, 256);
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_loop_that_only_a_return_leaves() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn steps(mut n: u64) -> Result<u32, String> {
        RUNS.count();
        let mut steps = 0;
        loop {
            n = match n {
                0 => return Err("never".into()),
                1 => return Ok(steps),
                n if n % 2 == 0 => n / 2,
                n => 3 * n + 1,
            };
            steps += 1;
        }
    }
    make_room();

    assert_eq!(steps(0).await, Err("never".to_owned()));
    assert_eq!(steps(6).await, Ok(8));
    assert_eq!(steps(6).await, Ok(8));
    assert_eq!(RUNS.total(), 2);
    assert_eq!(steps(27).await, Ok(111));
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn labels_of_loops_and_of_blocks() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn place(rows: &[&str], letter: char) -> Option<(usize, usize)> {
        RUNS.count();
        let place = 'rows: {
            for (y, row) in rows.iter().enumerate() {
                'letters: for (x, found) in row.chars().enumerate() {
                    if found == '#' {
                        break 'letters;
                    }
                    if found == letter {
                        break 'rows Some((x, y));
                    }
                }
            }
            None
        };
        place.filter(|(x, _)| *x < 3)
    }
    make_room();

    assert_eq!(place(&["ab", "#c", "dc"], 'c').await, Some((1, 2)));
    assert_eq!(place(&["ab", "#c", "dc"], 'c').await, Some((1, 2)));
    assert_eq!(RUNS.total(), 1);
    assert_eq!(place(&["ab", "#c", "dc"], 'b').await, Some((1, 0)));
    assert_eq!(place(&["abba", "c"], 'c').await, Some((0, 1)));
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_return_from_something_inside_leaves_only_that() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn described(text: &str) -> String {
        RUNS.count();
        let number = || -> Option<u32> {
            let (_, digits) = text.split_once('=')?;
            if digits.is_empty() {
                return Some(0);
            }
            digits.parse().ok()
        };
        let name = async {
            let Some((name, _)) = text.split_once('=') else {
                return "nobody";
            };
            tokio::task::yield_now().await;
            name
        };
        let checked: Result<u32, String> = async {
            let number = number().ok_or("no number")?;
            Ok(number)
        }
        .await;
        format!("{} {checked:?}", name.await)
    }
    make_room();

    assert_eq!(described("a=1").await, "a Ok(1)");
    assert_eq!(described("a=1").await, "a Ok(1)");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(described("b=").await, "b Ok(0)");
    assert_eq!(described("c").await, r#"nobody Err("no number")"#);
    assert_eq!(RUNS.total(), 3);
}

#[tokio::test]
async fn a_body_that_ends_with_a_statement() {
    static RUNS: Runs = Runs::new();
    #[cached]
    #[allow(clippy::needless_return, reason = "it is what is tested")]
    async fn sign(n: i32) -> String {
        RUNS.count();
        return if n < 0 { "-".into() } else { "+".into() };
    }
    make_room();

    assert_eq!(sign(-1).await, "-");
    assert_eq!(sign(-1).await, "-");
    assert_eq!(RUNS.total(), 1);
    assert_eq!(sign(1).await, "+");
    assert_eq!(RUNS.total(), 2);
}

#[tokio::test]
async fn a_body_that_may_panic() {
    static RUNS: Runs = Runs::new();
    #[cached]
    async fn half(n: u32) -> u32 {
        RUNS.count();
        match n % 2 {
            0 => n / 2,
            1 => panic!("{n} is odd"),
            _ => unreachable!(),
        }
    }
    make_room();

    assert!(tokio::spawn(half(1)).await.is_err());
    assert!(tokio::spawn(half(1)).await.is_err());
    assert_eq!(RUNS.total(), 2);
    assert_eq!(half(2).await, 1);
    assert_eq!(half(2).await, 1);
    assert_eq!(RUNS.total(), 3);
    assert_eq!(half(4).await, 2);
    assert_eq!(RUNS.total(), 4);
}

#[tokio::test]
async fn futures_side_by_side_in_a_body() {
    static RUNS: Runs = Runs::new();
    static PARTS: Runs = Runs::new();
    #[cached]
    async fn part(n: u32) -> u32 {
        PARTS.count();
        tokio::task::yield_now().await;
        n * n
    }
    #[cached]
    async fn sum(left: u32, right: u32) -> u32 {
        RUNS.count();
        let (left, right) = tokio::join!(part(left), part(right));
        tokio::select! {
            biased;
            one = part(1) => left + right + one,
            () = std::future::pending() => 0,
        }
    }
    make_room();

    assert_eq!(sum(2, 3).await, 14);
    assert_eq!(sum(2, 3).await, 14);
    assert_eq!((RUNS.total(), PARTS.total()), (1, 3));
    assert_eq!(sum(3, 3).await, 19);
    assert_eq!((RUNS.total(), PARTS.total()), (2, 3));
}

static HOPS: Runs = Runs::new();

#[cached]
async fn is_even(n: u32) -> bool {
    HOPS.count();
    match n {
        0 => true,
        n => Box::pin(is_odd(n - 1)).await,
    }
}

#[cached]
async fn is_odd(n: u32) -> bool {
    HOPS.count();
    match n {
        0 => false,
        n => Box::pin(is_even(n - 1)).await,
    }
}

#[tokio::test]
async fn two_functions_that_call_each_other() {
    make_room();

    assert!(is_even(10).await);
    assert_eq!(HOPS.total(), 11);
    assert!(is_even(10).await);
    assert!(!is_odd(8).await);
    assert!(is_even(8).await);
    assert_eq!(HOPS.total(), 20);
    let elsewhere = tokio::spawn(is_even(11));
    assert!(elsewhere.await.is_ok_and(|is_even| !is_even));
    assert_eq!(HOPS.total(), 23);
}

#[tokio::test]
async fn functions_of_one_name_in_two_blocks_do_not_share() {
    static RUNS: Runs = Runs::new();
    make_room();

    for _ in 0..2 {
        let doubled = {
            #[cached]
            async fn times(n: u32) -> u32 {
                RUNS.count();
                n * 2
            }
            times(5).await
        };
        let tripled = {
            #[cached]
            async fn times(n: u32) -> u32 {
                RUNS.count();
                n * 3
            }
            times(5).await
        };
        assert_eq!((doubled, tripled), (10, 15));
    }
    assert_eq!(RUNS.total(), 2);
}
