package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Interrupt, timeout and cancellation end one waiter, never the job. */
@Tag("kernel")
class WaitingKernelTest extends RunContract {

  @Test
  void await_interrupted_throwsAndTheJobStaysWatched() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    Thread.currentThread().interrupt();
    assertThatThrownBy(job::await).isInstanceOf(InterruptedException.class);
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    Thread.currentThread().interrupt();
    assertThatThrownBy(() -> job.await(Duration.ofSeconds(5)))
        .isInstanceOf(InterruptedException.class);
    assertStaysWatched(job);
  }

  @Test
  void run_interruptedWhileItWaits_leavesTheJobInJobs() throws Exception {
    ExecutorService one = Executors.newSingleThreadExecutor();
    try {
      Future<JobResult> run = one.submit(() -> governor.run(held("ready").jobId("running")));
      soon().until(() -> !governor.jobs().isEmpty());
      run.cancel(true);
      one.shutdown();
      assertThat(one.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
      Job job = governor.jobs().get(0);
      assertThat(job.id()).isEqualTo("running");
      assertStaysWatched((StartedJob) job);
    } finally {
      one.shutdownNow();
    }
  }

  @Test
  void await_timeout_isEmptyAndTheJobStaysWatched() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    long from = System.nanoTime();
    assertThat(job.await(Duration.ofMillis(50))).isEmpty();
    assertThat(System.nanoTime() - from).isGreaterThanOrEqualTo(50_000_000);
    assertThat(job.await(Duration.ZERO)).isEmpty();
    assertThat(job.await(Duration.ofDays(-1))).isEmpty();
    assertStaysWatched(job);
  }

  @Test
  void await_longestTimeout_isTheResult() throws Exception {
    StartedJob job = governor.start(sh("exit 6"));
    assertThat(job.await(Duration.ofSeconds(Long.MAX_VALUE)).orElseThrow().exitStatus())
        .contains(new Exited(6));
  }

  private void assertStaysWatched(StartedJob job) throws InterruptedException {
    assertThat(governor.jobs()).containsExactly(job);
    assertThat(JobTree.alive(job.pid())).isTrue();
    job.kill();
    assertThat(job.await().exitStatus()).contains(new Signalled(Signal.KILL, false));
    assertThat(governor.jobs()).isEmpty();
  }

  @Test
  void onExit_eachCopy_isItsHoldersAlone() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    CompletableFuture<JobResult> cancelled = job.onExit();
    CompletableFuture<JobResult> timedOut = job.onExit().orTimeout(20, TimeUnit.MILLISECONDS);
    CompletableFuture<JobResult> completed = job.onExit();
    CompletableFuture<JobResult> failed = job.onExit();
    CompletableFuture<JobResult> left = job.onExit();
    cancelled.cancel(true);
    completed.complete(null);
    failed.completeExceptionally(new IllegalStateException("mine"));

    assertThatThrownBy(cancelled::join).isInstanceOf(CancellationException.class);
    assertThatThrownBy(timedOut::join)
        .isInstanceOf(CompletionException.class)
        .hasCauseInstanceOf(TimeoutException.class);
    assertThat(left).isNotDone();
    assertThat(job.await(Duration.ZERO)).isEmpty();
    assertStaysWatched(job);
    assertThat(left.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isSameAs(job.await());
    assertThat(completed.join()).isNull();
    assertThat(job.onExit()).as("after the end").isCompletedWithValue(job.await());
  }

  @Test
  void consumers_thatRunJobsThemselves_blockNoConclusion() throws Exception {
    List<CompletableFuture<JobResult>> second = new ArrayList<>();
    List<StartedJob> jobs = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      StartedJob job = startReady(held("ready-" + i), "ready-" + i);
      second.add(job.onExit().thenApply(result -> runNow()));
      jobs.add(job);
    }
    jobs.forEach(job -> job.signal(Signal.TERM));
    for (CompletableFuture<JobResult> each : second) {
      assertThat(each.get(PATIENCE.toSeconds(), TimeUnit.SECONDS).workloadEnded()).isTrue();
    }
  }

  private JobResult runNow() {
    try {
      return governor.run(sh("exit 0"));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void results_areDeliveredByThreadsForConsumers_neverByTheWatcher() throws Exception {
    List<CompletableFuture<String>> threads = new ArrayList<>();
    List<StartedJob> jobs = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      StartedJob job = startReady(held("ready-" + i), "ready-" + i);
      threads.add(job.onExit().thenApply(result -> Thread.currentThread().getName()));
      jobs.add(job);
    }
    jobs.forEach(job -> job.signal(Signal.TERM));
    for (CompletableFuture<String> thread : threads) {
      assertThat(thread.get(PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .startsWith("governance-consumer-");
    }
  }

  @Test
  void consumer_thatBlocks_holdsUpNoOtherResult() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    StartedJob first = startReady(held("first"), "first");
    CompletableFuture<Boolean> blocked =
        first
            .onExit()
            .thenApply(
                result -> {
                  try {
                    return release.await(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS);
                  } catch (InterruptedException e) {
                    return false;
                  }
                });
    first.signal(Signal.TERM);
    first.await();
    for (int i = 0; i < 10; i++) {
      assertThat(governor.start(sh("exit 1")).await(PATIENCE)).isPresent();
    }
    assertThat(blocked).isNotDone();
    release.countDown();
    assertThat(blocked.get(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void virtualThreads_aHundredConcurrentRuns_eachHasItsResult() throws Exception {
    assumeTrue(Runtime.version().feature() >= 21, "needs virtual threads, JDK 21");
    ExecutorService each =
        (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
    try {
      List<Future<JobResult>> runs = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        int code = i;
        runs.add(each.submit(() -> governor.run(sh("sleep 0.1; exit " + code))));
      }
      for (int i = 0; i < 100; i++) {
        assertThat(runs.get(i).get(PATIENCE.toSeconds(), TimeUnit.SECONDS).exitStatus())
            .contains(new Exited(i));
      }
    } finally {
      each.shutdownNow();
    }
    assertThat(governor.jobs()).isEmpty();
  }
}
