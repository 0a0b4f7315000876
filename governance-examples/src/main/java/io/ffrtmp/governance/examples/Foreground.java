package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * One workload, waited for in the foreground. SIGINT, SIGTERM and SIGHUP end the waiting, never the
 * workload, which has a session of its own and does not see the terminal's Ctrl-C.
 *
 * <p>These signals are left to the JVM, whose shutdown calls a hook of ours: it detaches, and holds
 * the JVM until the main thread has told the result. Unlike {@code sun.misc.Signal} that needs no
 * internal API; the status is 128 + the signal's number by itself; a signal that was ignored when
 * we started, as under nohup(1), stays ignored; and a signal in the middle of a start waits for it.
 */
final class Foreground {
  private static final int NOT_EXECUTABLE = 126;
  private static final int NOT_FOUND = 127;
  private static final int SIGNALLED = 128;

  /** The shutdown under way has the signal's own status, which a zero does not replace. */
  private static final int LEFT_TO_SHUTDOWN = 0;

  private static final String BARRED =
      "until job %s is released or has ended, no other process can enter %s; of a unit of systemd,"
          + " ExecReload= and ExecStop= fail, unless it is delegated";

  private final PrintWriter err;
  private final Optional<ResultFile> file;
  private final MetricsOptions metrics;
  private final List<String> unreleased = new CopyOnWriteArrayList<>();

  /** Whether nobody is attached to any more; said before the list of jobs is waited for. */
  private volatile boolean ending;

  Foreground(PrintWriter err, Optional<ResultFile> file, MetricsOptions metrics) {
    this.err = err;
    this.file = file;
    this.metrics = metrics;
  }

  /** Runs the workload; the status to exit with. */
  @SuppressWarnings("try") // the shutdown waits for it
  int run(Workload workload) throws IOException, InterruptedException {
    if (file.isPresent()) {
      file.get().check();
    }
    // In a delegated unit only ourselves are moved, and only if we are alone there.
    Governor governor = watched(LinuxGovernor.builder().becomeLeaf(true)).open();
    try (Farewell farewell = new Farewell(governor::close)) {
      return run(governor, workload, farewell);
    }
  }

  private int run(Governor governor, Workload workload, Farewell farewell)
      throws InterruptedException {
    try {
      StartedJob job = governor.start(workload);
      JobResult result = job.await();
      tell(result);
      if (result.ending() instanceof Detached) {
        sayDetached(job);
        return farewell.begun() ? LEFT_TO_SHUTDOWN : Ffrtmp.NOT_GOVERNED;
      }
      return status(result);
    } catch (StartFailedException e) {
      Ffrtmp.say(err, String.valueOf(e.getMessage()));
      tell(e.result());
      return status(e.result());
    }
  }

  /** Attaches to all of them or to none, and waits for their ends; the status to exit with. */
  @SuppressWarnings("try") // the shutdown waits for it
  int attach(List<Attachment> all, boolean release, boolean propagate)
      throws IOException, InterruptedException {
    if (file.isPresent()) {
      file.get().check();
    }
    Governor governor = watched(LinuxGovernor.builder()).open();
    List<AttachedJob> jobs = new CopyOnWriteArrayList<>();
    Runnable letGo =
        () -> {
          ending = true;
          synchronized (jobs) {
            if (release) {
              releaseAll(jobs);
            }
            governor.close();
          }
        };
    try (Farewell farewell = new Farewell(letGo)) {
      attach(governor, all, jobs);
      List<JobResult> results = new ArrayList<>();
      for (AttachedJob each : jobs) {
        results.add(each.await());
      }
      tell(results, release);
      return propagate ? firstStatus(results) : 0;
    }
  }

  /** Told to whoever asks by HTTP; that is listening before anything starts. */
  private LinuxGovernor.Builder watched(LinuxGovernor.Builder builder) throws IOException {
    metrics.open().forEach(builder::listener);
    return builder;
  }

  private void attach(Governor governor, List<Attachment> all, List<AttachedJob> jobs) {
    boolean complete = false;
    try {
      for (Attachment each : all) {
        attach(governor, each, jobs);
      }
      complete = true;
    } finally {
      if (!complete) {
        rollBack(jobs);
      }
    }
  }

  /** Before a shutdown under way can let go of them otherwise. */
  private void rollBack(List<AttachedJob> jobs) {
    synchronized (jobs) {
      releaseAll(jobs);
      jobs.stream()
          .filter(each -> !unreleased.contains(each.id()))
          .forEach(each -> Ffrtmp.sayReleased(err, each.release())); // how that went
    }
  }

  private void attach(Governor governor, Attachment each, List<AttachedJob> jobs) {
    synchronized (jobs) {
      if (ending) {
        Ffrtmp.say(err, "told to end before process " + each.pid() + " was attached to");
        return;
      }
      AttachedJob job = governor.attach(each);
      jobs.add(job);
      job.receipt()
          .moved()
          .flatMap(Moved::barredCgroup)
          .ifPresent(it -> Ffrtmp.say(err, String.format(BARRED, job.id(), it)));
    }
  }

  private void releaseAll(List<AttachedJob> jobs) {
    for (AttachedJob each : jobs) {
      try {
        each.release();
      } catch (RuntimeException e) { // the others are released all the same
        Ffrtmp.say(err, "job " + each.id() + " was not released: " + e.getMessage());
        unreleased.add(each.id());
      }
    }
  }

  private static int firstStatus(List<JobResult> results) {
    return results.stream()
        .filter(JobResult::workloadEnded)
        .mapToInt(Foreground::status)
        .filter(each -> each != 0)
        .findFirst()
        .orElse(0);
  }

  private void tell(List<JobResult> results, boolean released) {
    results.forEach(err::println);
    for (JobResult each : results) {
      if (released && !unreleased.contains(each.jobId())) {
        Ffrtmp.sayReleased(err, each);
      } else if (!each.workloadEnded()) {
        String pid = Long.toString(each.pid().orElseThrow());
        Ffrtmp.say(err, "let go: job " + each.jobId() + " goes on as process " + pid);
      }
    }
    List<Object> json = results.stream().<Object>map(JobResult::toJson).toList();
    write(json.size() == 1 ? json.get(0) : json);
  }

  private void tell(JobResult result) {
    err.println(result);
    write(result.toJson());
  }

  private void write(Object json) {
    try {
      if (file.isPresent()) {
        file.get().write(Json.write(json));
      }
    } catch (IOException e) {
      Ffrtmp.say(err, "the result was not written: " + ResultFile.why(e));
    }
  }

  private void sayDetached(StartedJob job) {
    Ffrtmp.say(err, "detached: job " + job.id() + " goes on as process " + job.pid());
    if (!job.inheritedPipes().isEmpty()) {
      Ffrtmp.say(err, "it writes to a pipe or socket, and may end by SIGPIPE when its reader ends");
    }
  }

  /** As a shell would have it: the workload's status, 128 + a signal, 126, 127; else 125. */
  static int status(JobResult result) {
    if (result.ending() instanceof NeverStarted never) {
      return status(never.failure());
    }
    ExitStatus status = result.exitStatus().orElseThrow();
    if (status instanceof Exited exited) {
      return exited.code();
    }
    return status instanceof Signalled signalled
        ? SIGNALLED + signalled.signal().number()
        : Ffrtmp.NOT_GOVERNED;
  }

  private static int status(StartFailure failure) {
    boolean program = failure.step() == Step.PROGRAM || failure.step() == Step.EXEC;
    if (failure.fault() != Fault.WORKLOAD || !program) {
      return Ffrtmp.NOT_GOVERNED;
    }
    return failure.errno().equals(Optional.of("ENOENT")) ? NOT_FOUND : NOT_EXECUTABLE;
  }
}
