package io.ffrtmp.governance.examples;

import static org.awaitility.Awaitility.await;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * A JVM that runs real jobs of every kind and serves its meters, as a worker agent would. It obeys
 * lines on its standard input and answers each on its standard output; at the end of its input it
 * ends all that it started.
 */
final class MonitoredWorker {
  /** Whether the kernel tells how others' children end, once they are reaped: Linux 6.15. */
  static final boolean STRANGERS_ARE_TOLD =
      LinuxGovernor.probe()
          .capability("exit_status_of_strangers")
          .filter(each -> each.state() == State.YES)
          .isPresent();

  private static final Duration PATIENCE = Duration.ofSeconds(120);

  /** No disk has this number, so that no limit on it can be had. */
  private static final Limits IMPOSSIBLE =
      Limits.NONE.ioMax(IoMax.device(4095, 0).readBytesPerSecond(1 << 20));

  private static final String REAPS_LATE =
      """
      my ($pid_file, $go) = @ARGV;
      <STDIN>;
      my $pid = fork // die;
      if (!$pid) { select(undef, undef, undef, 0.05) until -e $go; exit 0 }
      open my $file, '>', "$pid_file.new"; print $file $pid; close $file; rename "$pid_file.new", $pid_file;
      <STDIN>;
      waitpid $pid, 0;
      """;

  private static final String EATS_MEMORY = "head -c 256M /dev/zero | tail >/dev/null";

  /** Until the end of its input. */
  private static final List<String> WAITS = List.of("sh", "-c", "read ready; read end");

  private final Path scratch;
  private final TestGroups groups;
  private final Governor governor;
  private final Governor cramped;
  private final List<StartedJob> running = new ArrayList<>();
  private final List<Process> targets = new ArrayList<>();
  private int number;

  private MonitoredWorker(Path scratch, TestGroups groups, MetricsServer server) {
    this.scratch = scratch;
    this.groups = groups;
    this.governor = open(groups.path("roomy"), server);
    this.cramped = open(groups.path("cramped"), server);
  }

  private static Governor open(String base, MetricsServer server) {
    LinuxGovernor.Builder builder = LinuxGovernor.builder().base(base);
    server.listeners().forEach(builder::listener);
    return builder.open();
  }

  /**
   * Arguments: a directory for files, and the name of the groups. Lines: {@code all} runs one job
   * of each kind; {@code for SECONDS} runs a mixture of them for so long.
   */
  public static void main(String[] arguments) throws Exception {
    MetricsServer server = MetricsServer.open("127.0.0.1", 0);
    MonitoredWorker worker =
        new MonitoredWorker(Path.of(arguments[0]), new TestGroups(arguments[1]), server);
    System.out.println("port " + server.uri().getPort());
    int status = 0;
    try {
      worker.obey();
    } catch (Exception | Error e) {
      e.printStackTrace();
      status = 1;
    }
    System.exit(status); // the server would go on
  }

  private void obey() throws Exception {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    try {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.equals("all")) {
          all();
        } else {
          mixture(Duration.ofSeconds(Long.parseLong(line.substring("for ".length()))));
        }
        System.out.println("done " + line);
      }
    } finally {
      end();
    }
  }

  private void all() throws Exception {
    for (int i = 0; i < 3; i++) {
      succeeds();
    }
    for (int i = 0; i < 2; i++) {
      exits3();
    }
    isKilled();
    isThrottled();
    outgrowsItsLimit();
    outgrowsTheHost();
    cannotBeLimited();
    losesItsLimit();
    isMissing();
    isRefusedByTheHost();
    if (STRANGERS_ARE_TOLD) {
      endsUnreaped();
    }
    attach(target(WAITS)).detach();
    attach(target(WAITS));
    goesOn();
    goesOn();
  }

  /** Jobs of all kinds at random, most of them good ones, and a few at once. */
  private void mixture(Duration time) throws Exception {
    Random random = new Random(5);
    long end = System.nanoTime() + time.toNanos();
    attach(target(WAITS));
    while (System.nanoTime() < end) {
      switch (random.nextInt(40)) {
        case 0 -> outgrowsItsLimit();
        case 1 -> outgrowsTheHost();
        case 2 -> cannotBeLimited();
        case 3 -> losesItsLimit();
        case 4 -> isMissing();
        case 5 -> isRefusedByTheHost();
        case 6 -> {
          if (STRANGERS_ARE_TOLD) {
            endsUnreaped();
          }
        }
        case 7, 8 -> isKilled();
        case 9, 10, 11 -> exits3();
        case 12, 13, 14, 15, 16 -> isThrottled();
        default ->
            running.add(
                governor.start(
                    job("sleep", "" + Math.exp(random.nextGaussian() + 1))
                        .limits(Limits.NONE.memoryMaxBytes(64 << 20))));
      }
      Thread.sleep(random.nextInt(600)); // paces what the picture shows; nothing waits for it
    }
  }

  private Workload job(String... command) {
    return Workload.of(List.of(command)).jobId("job-" + ++number);
  }

  private Workload shell(String script, Object... arguments) {
    List<String> command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
    for (Object each : arguments) {
      command.add(each.toString());
    }
    return job(command.toArray(String[]::new));
  }

  private static void expect(Verdict verdict, JobResult result) {
    if (result.verdict() != verdict) {
      throw new IllegalStateException("not " + verdict + ": " + result + " " + result.toJson());
    }
  }

  private void succeeds() throws InterruptedException {
    expect(Verdict.SUCCESS, governor.run(job("true")));
  }

  private void exits3() throws InterruptedException {
    expect(Verdict.WORKLOAD_FAILED_PLATFORM_OK, governor.run(shell("exit 3")));
  }

  private void isKilled() throws InterruptedException {
    expect(Verdict.WORKLOAD_FAILED_PLATFORM_OK, governor.run(shell("kill -9 $$")));
  }

  private void isThrottled() throws Exception {
    Path go = scratch.resolve("go-" + ++number);
    Workload busy = shell("until [ -e \"$1\" ]; do :; done", go);
    StartedJob job = governor.start(busy.limits(Limits.NONE.cpuMax(CpuMax.cores(0.1))));
    await().atMost(PATIENCE).until(() -> job.usage().get(Counter.CPU_THROTTLED_USEC).orElse(0) > 0);
    Files.createFile(go);
    expect(Verdict.COMPLETED_WITHIN_LIMITS, job.await());
  }

  private void outgrowsItsLimit() throws InterruptedException {
    expect(
        Verdict.WORKLOAD_FAILED_PLATFORM_OK,
        governor.run(shell(EATS_MEMORY).limits(Limits.NONE.memoryMaxBytes(32 << 20))));
  }

  private void outgrowsTheHost() throws InterruptedException {
    expect(Verdict.PLATFORM_OUT_OF_MEMORY, cramped.run(shell(EATS_MEMORY)));
  }

  private void cannotBeLimited() throws InterruptedException {
    expect(Verdict.LIMITS_NOT_ENFORCED, governor.run(job("true").limits(IMPOSSIBLE)));
  }

  private void losesItsLimit() throws Exception {
    Path go = scratch.resolve("go-" + ++number);
    Workload waiting = shell("until [ -e \"$1\" ]; do sleep 0.05; done", go);
    StartedJob job = governor.start(waiting.limits(Limits.NONE.memoryMaxBytes(64 << 20)));
    Files.writeString(TestGroups.memoryLimit(job.pid()), "" + (32 << 20));
    Files.createFile(go);
    expect(Verdict.LIMITS_LOST, job.await());
  }

  private void isMissing() throws InterruptedException {
    expectNoStart(Verdict.WORKLOAD_NOT_STARTABLE, job("/nonexistent/program"));
  }

  private void isRefusedByTheHost() throws InterruptedException {
    expectNoStart(
        Verdict.PLATFORM_START_FAILED, job("true").limits(IMPOSSIBLE).limitsRequired(true));
  }

  private void expectNoStart(Verdict verdict, Workload workload) throws InterruptedException {
    JobResult result;
    try {
      result = governor.run(workload);
    } catch (StartFailedException e) {
      result = e.result();
    }
    expect(verdict, result);
  }

  /** Its parent does not reap it until it is told to; a shell might do so at any time. */
  private void endsUnreaped() throws Exception {
    Path pid = scratch.resolve("pid-" + ++number);
    Path go = scratch.resolve("go-" + number);
    Process parent = target(List.of("perl", "-e", REAPS_LATE, pid.toString(), go.toString()));
    await().atMost(PATIENCE).until(() -> Files.exists(pid));
    AttachedJob job = attach(Long.parseLong(Files.readString(pid).strip()));
    Files.createFile(go);
    expect(Verdict.OBSERVATION_LOST, job.await());
    letGo(parent);
  }

  private void goesOn() {
    running.add(governor.start(job("sleep", "600")));
  }

  private AttachedJob attach(Process target) {
    return attach(target.pid());
  }

  private AttachedJob attach(long pid) {
    return governor.attach(Attachment.of(pid).jobId("stream-" + ++number));
  }

  /** A process that nobody governs yet, in groups of its own; it goes on once it reads a line. */
  private Process target(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).start();
    targets.add(process);
    groups.take("target-" + ++number, process.pid());
    letGo(process);
    return process;
  }

  private static void letGo(Process target) throws IOException {
    target.getOutputStream().write('\n');
    target.getOutputStream().flush();
  }

  private void end() throws Exception {
    for (Process each : targets) {
      each.getOutputStream().close();
      each.waitFor();
    }
    for (StartedJob each : running) {
      each.kill();
      each.await();
    }
    cramped.close();
    governor.close();
  }
}
