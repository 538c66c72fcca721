"""Sharing one call of a kernel among threads, without the interpreter: the machine code of it.

A split of Python threads wakes every worker, and each of them waits for the interpreter's lock, for
as long as a small kernel runs. Here the caller posts a call in a *board*,
works on it at once, and takes part after part from the front; helpers that wait in `serve` take
parts as well. No thread waits for a helper that has not begun. The caller returns when all parts
have ended. Every other helper takes them from the back: in a row of calls on the same rows a core
finds those in its cache that it wrote itself.

A board is `BOARD_WORDS` words of memory, each group of which has cache lines of its own:

- 0: taken, 1 while a call is posted. Who finds it taken works alone.
- 16: gate, how many helpers may still join, times 2^32, plus how many have joined and not left.
- 32: turn, which counts the calls. Helpers wait for the next one.
- 48: how many parts of the call are taken, and how many of them from the front and from the back.
- 64: how many helpers sleep.
- 80: the call: function, its data, the first item, the one after the last, the number of parts, the
  bytes between the scratch memory of two threads.
- 96: the semaphore at which helpers sleep.

A helper spins for a while, and then sleeps. It adds itself to those that sleep before it looks at
the turn for the last time. A caller advances the turn before it looks for sleepers. So one of the
two sees the other.
"""

from __future__ import annotations

import platform

from ntt.machine_code import loading

SHARE = "he_accel_share"
"""``void(board, helpers, parts, step, function, data, lo, hi)``, in every entry: share a call.

function: ``void(data, lo, hi, lane, step)``; lane: 0 for the caller, 1, 2, .. for its helpers.
"""

SERVE = "he_accel_serve"
"""``void(board)``: what a helper runs; it never returns."""

BOARD_WORDS = 128
"""The words of a board, zeros at first but for the semaphore."""

SEMAPHORE_WORD = 96
"""Where the semaphore of a board begins."""

_SPINS = 4096
"""How often a helper looks for a call before it sleeps: longer than a gap between kernels."""

_SPINS_BEFORE_YIELD = 2048

_PAUSES = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}
_PAUSE_DECLARED, _PAUSE = _PAUSES.get(platform.machine(), ("", ""))

SHARING = f"""
{_PAUSE_DECLARED}
declare i32 @sem_post(ptr)
declare i32 @sched_yield()

define internal void @he_accel_take(ptr %board, i64 %lane) {{
start:
  %next = getelementptr i64, ptr %board, i64 48
  %function_place = getelementptr i64, ptr %board, i64 80
  %function = load ptr, ptr %function_place
  %data_place = getelementptr i64, ptr %board, i64 81
  %data = load ptr, ptr %data_place
  %lo_place = getelementptr i64, ptr %board, i64 82
  %lo = load i64, ptr %lo_place
  %hi_place = getelementptr i64, ptr %board, i64 83
  %hi = load i64, ptr %hi_place
  %parts_place = getelementptr i64, ptr %board, i64 84
  %parts = load i64, ptr %parts_place
  %step_place = getelementptr i64, ptr %board, i64 85
  %step = load i64, ptr %step_place
  %items = sub i64 %hi, %lo
  %odd = and i64 %lane, 1
  %is_back = icmp eq i64 %odd, 1
  %end_word = add i64 %odd, 49
  %end_place = getelementptr i64, ptr %board, i64 %end_word
  br label %more
more:
  %claimed = atomicrmw add ptr %next, i64 1 monotonic
  %left = icmp slt i64 %claimed, %parts
  br i1 %left, label %work, label %done
work:
  %place = atomicrmw add ptr %end_place, i64 1 monotonic
  %last = sub i64 %parts, 1
  %from_back = sub i64 %last, %place
  %part = select i1 %is_back, i64 %from_back, i64 %place
  %before = mul i64 %items, %part
  %skipped = sdiv i64 %before, %parts
  %begin = add i64 %lo, %skipped
  %after = add i64 %before, %items
  %covered = sdiv i64 %after, %parts
  %end = add i64 %lo, %covered
  call void %function(ptr %data, i64 %begin, i64 %end, i64 %lane, i64 %step)
  br label %more
done:
  ret void
}}

define void @{SHARE}(ptr %board, i64 %helpers, i64 %parts, i64 %step, ptr %function,
                     ptr %data, i64 %lo, i64 %hi) {{
start:
  %gate = getelementptr i64, ptr %board, i64 16
  %turn = getelementptr i64, ptr %board, i64 32
  %next = getelementptr i64, ptr %board, i64 48
  %front = getelementptr i64, ptr %board, i64 49
  %back = getelementptr i64, ptr %board, i64 50
  %sleepers = getelementptr i64, ptr %board, i64 64
  %function_place = getelementptr i64, ptr %board, i64 80
  %data_place = getelementptr i64, ptr %board, i64 81
  %lo_place = getelementptr i64, ptr %board, i64 82
  %hi_place = getelementptr i64, ptr %board, i64 83
  %parts_place = getelementptr i64, ptr %board, i64 84
  %step_place = getelementptr i64, ptr %board, i64 85
  %semaphore = getelementptr i64, ptr %board, i64 {SEMAPHORE_WORD}
  %got = cmpxchg ptr %board, i64 0, i64 1 acquire monotonic
  %free = extractvalue {{ i64, i1 }} %got, 1
  br i1 %free, label %post, label %alone
alone:
  call void %function(ptr %data, i64 %lo, i64 %hi, i64 0, i64 %step)
  ret void
post:
  store ptr %function, ptr %function_place
  store ptr %data, ptr %data_place
  store i64 %lo, ptr %lo_place
  store i64 %hi, ptr %hi_place
  store i64 %parts, ptr %parts_place
  store i64 %step, ptr %step_place
  store atomic i64 0, ptr %next monotonic, align 8
  store atomic i64 0, ptr %front monotonic, align 8
  store atomic i64 0, ptr %back monotonic, align 8
  %open = shl i64 %helpers, 32
  store atomic i64 %open, ptr %gate release, align 8
  %last_turn = atomicrmw add ptr %turn, i64 1 seq_cst
  %seen = load atomic i64, ptr %sleepers seq_cst, align 8
  %nobody = icmp eq i64 %seen, 0
  br i1 %nobody, label %work, label %wake
wake:
  %asleep = atomicrmw xchg ptr %sleepers, i64 0 seq_cst
  br label %call
call:
  %rest = phi i64 [ %asleep, %wake ], [ %fewer, %one ]
  %called = icmp sle i64 %rest, 0
  br i1 %called, label %work, label %one
one:
  %posted = call i32 @sem_post(ptr %semaphore)
  %fewer = sub i64 %rest, 1
  br label %call
work:
  call void @he_accel_take(ptr %board, i64 0)
  %closed = atomicrmw and ptr %gate, i64 4294967295 seq_cst
  br label %check
check:
  %spins = phi i64 [ 0, %work ], [ %spun, %wait ], [ 0, %yield ]
  %inside = load atomic i64, ptr %gate acquire, align 8
  %empty = icmp eq i64 %inside, 0
  br i1 %empty, label %done, label %spin
spin:
  {_PAUSE}
  %spun = add i64 %spins, 1
  %long = icmp sgt i64 %spun, {_SPINS_BEFORE_YIELD}
  br i1 %long, label %yield, label %wait
wait:
  br label %check
yield:
  %yielded = call i32 @sched_yield()
  br label %check
done:
  store atomic i64 0, ptr %board release, align 8
  ret void
}}
"""
"""Functions in LLVM's assembly language that every entry brings along."""

_SERVING = f"""
declare i32 @sem_wait(ptr)

define void @{SERVE}(ptr %board) {{
start:
  %gate = getelementptr i64, ptr %board, i64 16
  %turn = getelementptr i64, ptr %board, i64 32
  %sleepers = getelementptr i64, ptr %board, i64 64
  %semaphore = getelementptr i64, ptr %board, i64 {SEMAPHORE_WORD}
  br label %look
look:
  %seen = load atomic i64, ptr %turn seq_cst, align 8
  %places = load atomic i64, ptr %gate acquire, align 8
  %lane = lshr i64 %places, 32
  %full = icmp eq i64 %lane, 0
  br i1 %full, label %spin, label %join
join:
  %fewer = sub i64 %places, 4294967295
  %got = cmpxchg ptr %gate, i64 %places, i64 %fewer acq_rel monotonic
  %joined = extractvalue {{ i64, i1 }} %got, 1
  br i1 %joined, label %work, label %look
work:
  call void @he_accel_take(ptr %board, i64 %lane)
  %left = atomicrmw sub ptr %gate, i64 1 release
  br label %look
spin:
  %spins = phi i64 [ 0, %look ], [ %spun, %pause ]
  %now = load atomic i64, ptr %turn acquire, align 8
  %same = icmp eq i64 %now, %seen
  br i1 %same, label %pause, label %look
pause:
  {_PAUSE}
  %spun = add i64 %spins, 1
  %tired = icmp sgt i64 %spun, {_SPINS}
  br i1 %tired, label %sleep, label %spin
sleep:
  %others = atomicrmw add ptr %sleepers, i64 1 seq_cst
  %last = load atomic i64, ptr %turn seq_cst, align 8
  %quiet = icmp eq i64 %last, %seen
  br i1 %quiet, label %wait, label %rise
wait:
  %failed = call i32 @sem_wait(ptr %semaphore)
  %interrupted = icmp ne i32 %failed, 0
  br i1 %interrupted, label %wait, label %look
rise:
  %asleep = load atomic i64, ptr %sleepers seq_cst, align 8
  %called = icmp sle i64 %asleep, 0
  br i1 %called, label %wait, label %try
try:
  %awake = sub i64 %asleep, 1
  %swapped = cmpxchg ptr %sleepers, i64 %asleep, i64 %awake seq_cst monotonic
  %risen = extractvalue {{ i64, i1 }} %swapped, 1
  br i1 %risen, label %look, label %rise
}}
"""


def addresses() -> tuple[int, int]:
    """The addresses of `SERVE` and `SHARE`, whose memory stays for as long as the process runs.

    Raises `UnresolvedError` where this system lacks what they call.
    """
    names = ("sem_post", "sem_wait", "sched_yield")
    serve, share = loading.compiled(SHARING + _SERVING, (SERVE, SHARE), names)
    return serve, share
