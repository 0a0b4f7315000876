package io.ffrtmp.governance.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.Evidence;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.ViolationLog;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.contract.GovernorContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class InMemoryGovernorTest implements GovernorContract {
  private static final StartFailure MISSING =
      StartFailure.of(Fault.WORKLOAD, Step.PROGRAM, Optional.of("ENOENT"), "no such program");

  @Override
  public Governor openWith(JobListener listener) {
    return new InMemoryGovernor(listener)
        .onStart(
            workload ->
                switch (workload.command().get(0)) {
                  case "exit" -> Outcome.exited(Integer.parseInt(workload.command().get(1)));
                  case "sleep" -> Outcome.running();
                  default -> Outcome.of(new NeverStarted(MISSING));
                });
  }

  @Override
  public Workload exiting(int code) {
    return Workload.of("exit", Integer.toString(code));
  }

  @Override
  public Workload lasting() {
    return Workload.of("sleep", "600");
  }

  @Override
  public Workload missing() {
    return Workload.of("/nonexistent/program");
  }

  @Override
  public long process() {
    return 4711;
  }

  @Test
  void start_unscripted_exitsZeroWithEveryLimitApplied() throws Exception {
    Limits limits =
        Limits.NONE
            .cpuMax(CpuMax.cores(2))
            .cpuWeight(200)
            .memoryMaxBytes(1 << 20)
            .ioMax(IoMax.device(8, 0).readsPerSecond(5));
    try (Governor governor = new InMemoryGovernor()) {
      JobResult result = governor.run(Workload.of("anything").limits(limits));
      assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
      assertThat(result.receipt().limits())
          .extracting(LimitOutcome::asked)
          .containsExactly("200000 100000", "200", "1048576", "8:0 riops=5");
    }
  }

  @Test
  void outcome_scripted_isInTheResultAndInWhatIsDerived() throws Exception {
    LimitOutcome denied = LimitOutcome.of(Limit.CPU_MAX, Status.DENIED, "1000 1000");
    ResourceUsage usage = ResourceUsage.of(Map.of(Counter.OOM_KILLS, 2L));
    Outcome outcome =
        Outcome.exited(1)
            .receipt(Receipt.of(List.of(denied)))
            .usage(usage)
            .evidence(Evidence.NONE.survivors(3))
            .time(Duration.ofDays(2));
    ViolationLog violations = new ViolationLog();
    try (InMemoryGovernor governor = new InMemoryGovernor(violations)) {
      JobResult result = governor.onStart(asked -> outcome).run(Workload.of("x").jobId("j"));
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
      assertThat(result.usage()).isEqualTo(usage);
      assertThat(result.evidence().survivors()).hasValue(3);
      assertThat(result.processingTime()).isEqualTo(Duration.ofDays(2));
      assertThat(result.endTime()).isEqualTo(result.start().startTime().plus(Duration.ofDays(2)));
      assertThat(violations.newest()).singleElement().matches(each -> each.jobId().equals("j"));
      assertThat(outcome.result("j", Mode.RUN).verdict()).isEqualTo(result.verdict());
    }
  }

  @Test
  void runningOutcome_itsReceiptAndUsage_areThoseOfTheLiveJob() {
    Receipt receipt =
        Receipt.of(List.of(LimitOutcome.of(Limit.CPU_WEIGHT, Status.SUBSTITUTED, "50")));
    ResourceUsage usage = ResourceUsage.of(Map.of(Counter.CPU_USER_USEC, 7L));
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      governor.onStart(asked -> Outcome.running().receipt(receipt).usage(usage));
      StartedJob job = governor.start(Workload.of("x"));
      assertThat(job.receipt()).isEqualTo(receipt);
      assertThat(job.usage()).isEqualTo(usage);
      governor.end(job.id(), Outcome.exited(0));
      assertThat(job.detach().receipt()).isEqualTo(receipt);
      assertThat(job.detach().verdict()).isEqualTo(Verdict.COMPLETED_DEGRADED);
    }
  }

  @Test
  void end_ofNobody_orInAnImpossibleWay_isRefused() {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      governor.onStart(asked -> Outcome.running());
      StartedJob job = governor.start(Workload.of("x").jobId("j"));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> governor.end("nobody", Outcome.exited(0)));
      assertThatIllegalArgumentException().isThrownBy(() -> governor.end("j", Outcome.running()));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> governor.end("j", Outcome.of(new Detached())));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> Outcome.running().result("j", Mode.RUN));
      assertThat(governor.jobs()).containsExactly(job);
    }
  }

  @Test
  void detached_endsUnheard_andItsIdIsFree() throws Exception {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      governor.onStart(asked -> Outcome.running());
      StartedJob job = governor.start(Workload.of("x").jobId("j"));
      JobResult detached = job.detach();
      governor.end("j", Outcome.exited(0));
      assertThat(job.await()).isSameAs(detached);
      governor.onStart(asked -> Outcome.exited(0));
      assertThat(governor.run(Workload.of("x").jobId("j")).workloadEnded()).isTrue();
    }
  }

  @Test
  void signal_harmlessByDefault_isSentAndEndsNothing() {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      StartedJob job =
          governor.onStart(asked -> Outcome.running()).start(Workload.of("x").jobId("j"));
      assertThat(job.signal(Signal.STOP)).isTrue();
      assertThat(job.signal(Signal.CONT)).isTrue();
      assertThat(job.inheritedPipes()).isEmpty();
      assertThat(governor.jobs()).containsExactly(job);
    }
  }

  @Test
  void script_thatThrows_isWhatTheCallerGets() {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      governor
          .onStart(
              asked -> {
                throw new JobIdInUseException("elsewhere");
              })
          .onAttach(
              asked -> {
                throw new AttachRefusedException(Reason.KERNEL_THREAD, "kthreadd");
              });
      assertThatExceptionOfType(JobIdInUseException.class)
          .isThrownBy(() -> governor.start(Workload.of("x")));
      assertThatExceptionOfType(AttachRefusedException.class)
          .isThrownBy(() -> governor.attach(Attachment.of(2)))
          .matches(refused -> refused.reason() == Reason.KERNEL_THREAD);
      assertThat(governor.jobs()).isEmpty();
    }
  }

  @Test
  void attach_toItsEnd_isObserved() throws Exception {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      AttachedJob job =
          governor.attach(
              Attachment.of(5678).jobId("s").intent("live").limits(Limits.NONE.cpuWeight(50)));
      assertThat(job.mode()).isEqualTo(Mode.ATTACH);
      assertThat(job.pid()).isEqualTo(5678);
      assertThat(job.intent()).contains("live");
      assertThat(job.receipt().allInForce()).isTrue();
      assertThat(governor.jobs()).containsExactly(job);
      assertThatExceptionOfType(AttachRefusedException.class)
          .isThrownBy(() -> governor.attach(Attachment.of(5678)))
          .matches(refused -> refused.reason() == Reason.ALREADY_GOVERNED);
      governor.end("s", Outcome.exited(9));
      assertThat(job.await().exitStatus()).contains(new Exited(9));
      assertThat(job.await().verdict()).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
      assertThat(job.release()).isSameAs(job.await());
    }
  }

  @Test
  void end_idIsInUse_untilListenersKnow() throws Exception {
    List<String> told = new ArrayList<>();
    InMemoryGovernor[] holder = new InMemoryGovernor[1];
    JobListener listener =
        new JobListener() {
          @Override
          public void finished(JobResult result) {
            try {
              holder[0].attach(Attachment.of(1234).jobId("s"));
              told.add("free");
            } catch (JobIdInUseException inUse) {
              told.add("in use");
            }
          }
        };
    try (InMemoryGovernor governor = new InMemoryGovernor(listener)) {
      holder[0] = governor;
      AttachedJob job = governor.attach(Attachment.of(5678).jobId("s"));
      governor.end("s", Outcome.exited(0));
      assertThat(told).containsExactly("in use");
      job.await();
      governor.attach(Attachment.of(5678).jobId("s"));
    }
  }

  @Test
  void attach_scriptedAsNeverStarted_isRefused() {
    StartFailure failure =
        StartFailure.of(Fault.WORKLOAD, Step.PROGRAM, Optional.of("ENOENT"), "no such file");
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      governor.onAttach(asked -> Outcome.of(new NeverStarted(failure)));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> governor.attach(Attachment.of(5678)))
          .withMessageContaining("has started");
    }
  }

  @Test
  void release_ofAWatchedJob_detachesAndFreesIdAndProcess() {
    try (InMemoryGovernor governor = new InMemoryGovernor()) {
      AttachedJob job = governor.attach(Attachment.of(5678).jobId("s"));
      assertThat(job.release().ending()).isEqualTo(new Detached());
      assertThat(governor.jobs()).isEmpty();
      AttachedJob again = governor.attach(Attachment.of(5678).jobId("s"));
      again.detach();
      assertThat(again.release().ending()).isEqualTo(new Detached());
      assertThatExceptionOfType(AttachRefusedException.class)
          .as("detached, so still governed")
          .isThrownBy(() -> governor.attach(Attachment.of(5678)));
    }
  }

  @Test
  void recover_isAsScripted() {
    try (InMemoryGovernor before = new InMemoryGovernor();
        InMemoryGovernor governor = new InMemoryGovernor()) {
      assertThat(governor.recover().jobs()).isEmpty();
      AttachedJob job = before.attach(Attachment.of(5678));
      JobResult ended = Outcome.exited(0).result("gone", Mode.RUN);
      Recovery found = Recovery.of(List.of(job), List.of(ended), List.of(), List.of());
      assertThat(governor.onRecover(found).recover()).isEqualTo(found);
    }
  }

  @Test
  void listenerFailures_areKept() throws Exception {
    JobListener bad =
        new JobListener() {
          @Override
          public void finished(JobResult result) {
            throw new AssertionError("seen by the test");
          }
        };
    try (InMemoryGovernor governor = new InMemoryGovernor(bad)) {
      governor.run(Workload.of("x"));
      assertThat(governor.listenerFailures()).singleElement().isInstanceOf(AssertionError.class);
    }
  }

  @Test
  void listener_thatDetachesInFinished_isNoDeadlock() throws Exception {
    CompletableFuture<StartedJob> job = new CompletableFuture<>();
    CompletableFuture<JobResult> seen = new CompletableFuture<>();
    JobListener detaching =
        new JobListener() {
          @Override
          public void finished(JobResult result) {
            seen.complete(job.join().detach());
          }
        };
    try (InMemoryGovernor governor = new InMemoryGovernor(detaching)) {
      governor.onStart(asked -> Outcome.running());
      job.complete(governor.start(Workload.of("x").jobId("j")));
      governor.end("j", Outcome.exited(0));
      assertThat(seen.get(5, TimeUnit.SECONDS)).isSameAs(job.join().await());
    }
  }
}
