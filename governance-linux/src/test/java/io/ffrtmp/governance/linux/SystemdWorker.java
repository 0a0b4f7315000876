package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.HostReport;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The main class of a worker in a unit of systemd. It recovers what is there, else starts a job and
 * attaches to a process; tells what it has; and then waits to be ended, or ends its jobs. Its
 * arguments are {@code KEY=VALUE}.
 */
final class SystemdWorker {
  /** What a job asks for; the disk is added where there is one. */
  static final Limits LIMITS =
      Limits.NONE.cpuMax(CpuMax.cores(0.5)).cpuWeight(300).memoryMaxBytes(1L << 30);

  static final int IO_BYTES_PER_SECOND = 1 << 22;

  private SystemdWorker() {}

  /** The command line of a worker, for a unit's file. */
  static String command(String... arguments) {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    return String.join(
        " ",
        java,
        "-Xshare:auto -XX:TieredStopAtLevel=1 -Xmx64m -XX:+UseSerialGC -XX:-UsePerfData -cp",
        System.getProperty("java.class.path"),
        SystemdWorker.class.getName(),
        String.join(" ", arguments));
  }

  public static void main(String[] words) throws Exception {
    Map<String, String> arguments =
        Arrays.stream(words)
            .map(each -> each.split("=", 2))
            .collect(Collectors.toMap(each -> each[0], each -> each[1]));
    HostReport host = LinuxGovernor.probe();
    List<String> risks = host.risks().stream().map(Capability::name).toList();
    SecondJvm.tell("survival " + host.survival() + " " + risks);
    LinuxGovernor.Builder builder = LinuxGovernor.builder();
    builder.becomeLeaf(Boolean.parseBoolean(arguments.get("leaf")));
    builder.directoryName(arguments.getOrDefault("name", "ffrtmp"));
    if (arguments.containsKey("base")) {
      builder.base(arguments.get("base"));
    }
    try (Governor governor = builder.open()) {
      Recovery recovery = governor.recover();
      recovery.jobs().stream()
          .sorted(Comparator.comparing(Job::id))
          .forEach(
              job -> {
                String what = job.id() + " " + job.pid() + " " + job.mode();
                SecondJvm.tell("recovered " + what + " " + job.receipt().allInForce());
              });
      recovery.leftovers().forEach(each -> SecondJvm.tell("leftover " + each));
      if (recovery.jobs().isEmpty() && !arguments.containsKey("end")) {
        begin(governor, arguments);
      }
      SecondJvm.tell("ready");
      if (!arguments.containsKey("end")) {
        Thread.sleep(Long.MAX_VALUE);
      }
      for (Job job : governor.jobs()) {
        SecondJvm.tell("ended " + job.id() + " " + end(job).verdict());
      }
    }
    SecondJvm.tell("closed");
  }

  private static JobResult end(Job job) throws InterruptedException {
    if (job.mode() == Mode.ATTACH) {
      return ((AttachedJob) job).release();
    }
    ((StartedJob) job).kill();
    return job.await();
  }

  private static void begin(Governor governor, Map<String, String> arguments) throws Exception {
    Limits limits = LIMITS;
    if (arguments.containsKey("disk")) {
      String[] numbers = arguments.get("disk").split(":");
      IoMax disk = IoMax.device(Integer.parseInt(numbers[0]), Integer.parseInt(numbers[1]));
      limits = limits.ioMax(disk.readBytesPerSecond(IO_BYTES_PER_SECOND));
    }
    Workload sleeper = Workload.of("/bin/sleep", "36000");
    tell(governor.start(sleeper.jobId("job").limits(limits)));
    if (arguments.containsKey("attach")) {
      long pid = Long.parseLong(arguments.get("attach"));
      tell(governor.attach(Attachment.of(pid).jobId("target").limits(LIMITS)));
    }
    if (arguments.containsKey("beside")) { // a child, which lives where this JVM does
      Process child = new ProcessBuilder("/bin/sleep", "36000").start();
      tell(governor.attach(Attachment.of(child.pid()).jobId("beside").limits(LIMITS)));
      child.destroyForcibly().waitFor();
    }
  }

  private static void tell(Job job) {
    SecondJvm.tell("has " + job.id() + " " + job.pid());
    for (LimitOutcome each : job.receipt().limits()) {
      String effective = each.effective().orElse("-") + " ";
      String at = each.get(Detail.EFFECTIVE_AT).orElse("-") + " ";
      String cure = each.errno().orElse("-") + " " + each.cure().orElse("-");
      SecondJvm.tell(
          (job.id() + " " + each.limit().wireName() + " " + each.status() + " ")
              + (effective + at + cure));
    }
  }
}
