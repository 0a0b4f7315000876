package io.ffrtmp.governance.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What every governor keeps: the real one, and the one for users' tests. */
public interface GovernorContract {
  /** A governor with this listener, closed after the test. */
  Governor openWith(JobListener listener);

  /** A workload that ends by itself with this code. */
  Workload exiting(int code);

  /** A workload that goes on, and dies of SIGTERM. */
  Workload lasting();

  /** A workload whose program is not there. */
  Workload missing();

  /** A process that goes on, and that nobody governs. */
  long process() throws Exception;

  /** What a listener heard, in order. */
  final class Heard implements JobListener {
    private final List<String> events = Collections.synchronizedList(new ArrayList<>());

    @Override
    public void started(JobStart start) {
      events.add("started " + start.jobId());
    }

    @Override
    public void finished(JobResult result) {
      events.add("finished " + result.jobId());
    }

    @Override
    public void startFailed(JobResult result) {
      events.add("failed " + result.jobId());
    }
  }

  private Governor open() {
    return openWith(new JobListener() {});
  }

  @Test
  default void run_untilItsEnd_tellsItAll() throws Exception {
    JobResult result = open().run(exiting(3).jobId("c-run").intent("test"));
    assertThat(result.jobId()).isEqualTo("c-run");
    assertThat(result.start().mode()).isEqualTo(Mode.RUN);
    assertThat(result.start().intent()).contains("test");
    assertThat(result.pid()).isPresent();
    assertThat(result.exitStatus()).contains(new Exited(3));
    assertThat(result.workloadEnded()).isTrue();
    assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
    assertThat(result.endTime()).isAfterOrEqualTo(result.start().startTime());
    assertThat(result.receipt().limits()).isEmpty();
  }

  @Test
  default void run_exitZeroWithoutLimits_isSuccess() throws Exception {
    assertThat(open().run(exiting(0)).verdict()).isEqualTo(Verdict.SUCCESS);
  }

  @Test
  default void run_withLimits_hasAnOutcomeForEach() throws Exception {
    Limits limits = Limits.NONE.cpuMax(CpuMax.cores(1)).memoryMaxBytes(256L << 20);
    JobResult result = open().run(exiting(0).limits(limits));
    assertThat(result.receipt().limits())
        .extracting(LimitOutcome::asked)
        .containsExactly("100000 100000", "268435456");
    assertThat(result.receipt().allInForce()).isTrue();
    assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
  }

  @Test
  default void start_aLastingWorkload_isWatchedUntilItEnds() throws Exception {
    Governor governor = open();
    StartedJob job = governor.start(lasting().jobId("c-lasting").intent("test"));
    assertThat(governor.jobs()).containsExactly(job);
    assertThat(job.id()).isEqualTo("c-lasting");
    assertThat(job.mode()).isEqualTo(Mode.RUN);
    assertThat(job.intent()).contains("test");
    assertThat(job.pid()).isPositive();
    assertThat(job.receipt().limits()).isEmpty();
    assertThat(job.await(Duration.ZERO)).isEmpty();
    assertThat(job.await(Duration.ofDays(-1))).isEmpty();
    assertThat(job.await(Duration.ofMillis(20))).isEmpty();

    assertThat(job.signal(Signal.TERM)).isTrue();
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Signalled(Signal.TERM, false));
    assertThat(result.start().startTime()).isEqualTo(job.startTime());
    assertThat(result.start().pid()).hasValue(job.pid());
    assertThat(job.await(Duration.ofSeconds(Long.MAX_VALUE))).containsSame(result);
    assertThat(job.detach()).isSameAs(result);
    assertThat(job.usage()).isEqualTo(result.usage());
    assertThat(job.receipt()).isEqualTo(result.receipt());
    assertThat(governor.jobs()).isEmpty();
    assertThat(job.signal(Signal.TERM)).isFalse();
    assertThat(job.kill()).isEmpty();
  }

  @Test
  default void attach_toAProcess_isWatchedUntilItIsReleased() throws Exception {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    Attachment asked = Attachment.of(process()).jobId("c-attached").intent("test");
    AttachedJob job = governor.attach(asked);
    assertThat(governor.jobs()).containsExactly(job);
    assertThat(job.mode()).isEqualTo(Mode.ATTACH);
    assertThat(job.intent()).contains("test");
    assertThat(job.pid()).isEqualTo(asked.pid());
    assertThat(job.receipt().limits()).isEmpty();
    assertThat(job.await(Duration.ZERO)).isEmpty();
    assertThatExceptionOfType(AttachRefusedException.class)
        .isThrownBy(() -> governor.attach(asked.jobId("c-again")))
        .extracting(AttachRefusedException::reason)
        .isEqualTo(AttachRefusedException.Reason.ALREADY_GOVERNED);

    JobResult result = job.release();
    assertThat(result.ending()).isEqualTo(new Detached());
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
    assertThat(job.detach()).isSameAs(result);
    assertThat(job.await()).isSameAs(result);
    assertThat(governor.jobs()).isEmpty();
    assertThat(heard.events).containsExactly("started c-attached", "finished c-attached");
    governor.attach(asked).detach(); // nobody governs it any more
  }

  @Test
  default void kill_ofALastingWorkload_endsItByThatSignal() throws Exception {
    StartedJob job = open().start(lasting());
    assertThat(job.kill()).isEmpty();
    assertThat(job.await().exitStatus()).contains(new Signalled(Signal.KILL, false));
  }

  @Test
  default void signal_thatIsIgnoredByDefault_endsNothing() throws Exception {
    StartedJob job = open().start(lasting());
    assertThat(job.signal(Signal.CONT)).isTrue();
    assertThat(job.await(Duration.ofMillis(50))).isEmpty();
    job.kill();
    job.await();
  }

  @Test
  default void start_ofAMissingProgram_failsWithItsResultAndFreesTheId() throws Exception {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    assertThatExceptionOfType(StartFailedException.class)
        .isThrownBy(() -> governor.start(missing().jobId("c-missing")))
        .satisfies(
            failed -> {
              assertThat(failed.result().jobId()).isEqualTo("c-missing");
              assertThat(failed.result().pid()).isEmpty();
              assertThat(failed.result().ending()).isInstanceOf(NeverStarted.class);
              assertThat(failed.result().verdict()).isEqualTo(Verdict.WORKLOAD_NOT_STARTABLE);
            });
    assertThat(heard.events).containsExactly("failed c-missing");
    assertThat(governor.jobs()).isEmpty();
    assertThat(governor.run(exiting(0).jobId("c-missing")).workloadEnded()).isTrue();
  }

  @Test
  default void start_withAnIdInUse_isRefusedUnheard() throws Exception {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    StartedJob job = governor.start(lasting().jobId("c-same"));
    assertThatExceptionOfType(JobIdInUseException.class)
        .isThrownBy(() -> governor.start(exiting(0).jobId("c-same")))
        .withMessageContaining("c-same");
    assertThat(heard.events).containsExactly("started c-same");
    assertThat(governor.jobs()).containsExactly(job);
    job.kill();
    job.await();
    assertThat(governor.run(exiting(0).jobId("c-same")).workloadEnded()).isTrue();
  }

  @Test
  default void start_withoutAnId_generatesOne() throws Exception {
    Governor governor = open();
    StartedJob first = governor.start(lasting());
    StartedJob second = governor.start(lasting());
    assertThat(first.id()).isNotEqualTo(second.id());
    assertThat(governor.jobs()).extracting(Job::id).contains(first.id(), second.id());
    first.kill();
    second.kill();
    assertThat(first.await().jobId()).isEqualTo(first.id());
    assertThat(second.await().jobId()).isEqualTo(second.id());
  }

  @Test
  default void listener_ofOneObservation_hearsItBeforeTheFutureCompletes() throws Exception {
    CompletableFuture<StartedJob> job = new CompletableFuture<>();
    List<Boolean> done = Collections.synchronizedList(new ArrayList<>());
    Governor governor =
        openWith(
            new JobListener() {
              @Override
              public void finished(JobResult result) {
                done.add(job.join().onExit().isDone());
              }
            });
    StartedJob started = governor.start(lasting());
    job.complete(started);
    started.kill();
    started.await();
    assertThat(done).containsExactly(false);
    assertThat(started.onExit().get(300, TimeUnit.SECONDS)).isSameAs(started.await());
  }

  @Test
  default void listener_ofAWholeObservation_hearsBothOnce() throws Exception {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    governor.run(exiting(0).jobId("c-1"));
    governor.run(exiting(1).jobId("c-2"));
    assertThat(heard.events)
        .containsExactly("started c-1", "finished c-1", "started c-2", "finished c-2");
  }

  @Test
  default void listener_thatThrowsAtEverything_harmsNobody() throws Exception {
    Governor governor =
        openWith(
            new JobListener() {
              @Override
              public void started(JobStart start) {
                throw new IllegalStateException("started");
              }

              @Override
              public void finished(JobResult result) {
                throw new AssertionError("finished");
              }

              @Override
              public void startFailed(JobResult result) {
                GovernorContract.<RuntimeException>raise(new IOException("as Kotlin may"));
              }
            });
    assertThat(governor.run(exiting(4)).exitStatus()).contains(new Exited(4));
    assertThatExceptionOfType(StartFailedException.class)
        .isThrownBy(() -> governor.start(missing()));
    assertThat(governor.jobs()).isEmpty();
  }

  /** Throws what the compiler would not let pass. */
  @SuppressWarnings("unchecked")
  private static <E extends Throwable> void raise(Throwable any) throws E {
    throw (E) any;
  }

  @Test
  default void onExit_cancelledOrCompleted_isItsHoldersAlone() throws Exception {
    StartedJob job = open().start(lasting());
    CompletableFuture<JobResult> left = job.onExit();
    job.onExit().cancel(true);
    job.onExit().completeExceptionally(new IllegalStateException("mine"));
    assertThat(left).isNotDone();
    assertThat(job.await(Duration.ZERO)).isEmpty();
    job.kill();
    assertThat(left.get(300, TimeUnit.SECONDS)).isSameAs(job.await());
  }

  @Test
  default void await_interrupted_endsThatWaitOnly() throws Exception {
    Governor governor = open();
    StartedJob job = governor.start(lasting());
    Thread.currentThread().interrupt();
    assertThatExceptionOfType(InterruptedException.class).isThrownBy(job::await);
    assertThat(governor.jobs()).containsExactly(job);
    job.kill();
    assertThat(job.await().workloadEnded()).isTrue();
  }

  @Test
  default void detach_ofALastingWorkload_freezesAndLeavesItItsId() {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    StartedJob job = governor.start(lasting().jobId("c-detach"));
    JobResult result = job.detach();
    assertThat(result.ending()).isEqualTo(new Detached());
    assertThat(result.workloadEnded()).isFalse();
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
    assertThat(result.exitStatus()).isEqualTo(Optional.empty());
    assertThat(job.detach()).isSameAs(result);
    assertThat(job.onExit().join()).isSameAs(result);
    assertThat(governor.jobs()).isEmpty();
    assertThat(job.signal(Signal.TERM)).as("no longer watched").isFalse();
    assertThat(heard.events).containsExactly("started c-detach", "finished c-detach");
    assertThatExceptionOfType(JobIdInUseException.class)
        .isThrownBy(() -> governor.start(exiting(0).jobId("c-detach")));
  }

  @Test
  default void close_withJobs_detachesThemAndRefusesMore() throws Exception {
    Heard heard = new Heard();
    Governor governor = openWith(heard);
    StartedJob job = governor.start(lasting().jobId("c-close"));
    governor.close();
    governor.close();
    assertThat(job.await().ending()).isEqualTo(new Detached());
    assertThat(governor.jobs()).isEmpty();
    assertThat(heard.events).containsExactly("started c-close", "finished c-close");
    assertThatIllegalStateException().isThrownBy(() -> governor.start(exiting(0)));
    assertThatIllegalStateException().isThrownBy(() -> governor.run(exiting(0)));
  }
}
