package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Lists, and takes over, the jobs of governors that are gone. */
@Command(
    name = "recover",
    description = "Tells what governors left that are gone: jobs that go on, and those that ended.",
    footer = {
      "%nJobs are let go of again at once, inside their limits; with --watch they are",
      "watched until all have ended. Empty groups are removed. Exits with 0."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RecoverCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Print what was found as JSON.")
  private boolean json;

  @Option(names = "--watch", description = "Watch the jobs until they have ended.")
  private boolean watch;

  @Override
  @SuppressWarnings("try") // the shutdown waits for it
  public Integer call() throws InterruptedException {
    PrintWriter out = spec.commandLine().getOut();
    PrintWriter err = spec.commandLine().getErr();
    try (Governor governor = LinuxGovernor.builder().open();
        Farewell farewell = new Farewell(governor::close)) {
      Recovery recovery = governor.recover();
      out.print(json ? Json.write(toJson(recovery)) + "\n" : text(recovery));
      out.flush();
      for (Job each : watch ? recovery.jobs() : List.<Job>of()) {
        err.println(each.await());
      }
      return 0;
    }
  }

  static Map<String, Object> toJson(Recovery recovery) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("jobs", recovery.jobs().stream().map(RecoverCommand::toJson).toList());
    json.put("ended", recovery.ended().stream().map(JobResult::toJson).toList());
    json.put(
        "leftovers",
        recovery.leftovers().stream()
            .map(each -> Map.of("group", each.group(), "reason", each.reason()))
            .toList());
    json.put("gaps", recovery.gaps().stream().map(Object::toString).toList());
    return json;
  }

  private static Map<String, Object> toJson(Job job) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("job_id", job.id());
    json.put("pid", job.pid());
    json.put("mode", job.mode().wireName());
    return json;
  }

  static String text(Recovery recovery) {
    StringBuilder text = new StringBuilder();
    for (Job each : recovery.jobs()) {
      String line = "goes on  %s, process %d, %s%n";
      text.append(String.format(line, each.id(), each.pid(), each.mode().wireName()));
    }
    recovery.ended().forEach(each -> text.append("ended    ").append(each).append('\n'));
    recovery
        .leftovers()
        .forEach(
            each -> text.append("left     " + each.group() + ": " + each.reason()).append('\n'));
    recovery.gaps().forEach(each -> text.append("gap      ").append(each).append('\n'));
    return text.isEmpty() ? "nothing to recover\n" : text.toString();
  }
}
