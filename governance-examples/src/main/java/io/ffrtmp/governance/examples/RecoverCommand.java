package io.ffrtmp.governance.examples;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
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
      "watched until all have ended. Empty groups are removed. Exits with 0; with 125",
      "if there is no such job to be released, or it is not as it was before."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class RecoverCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--json", description = "Print what was found as JSON.")
  private boolean json;

  @Option(names = "--watch", description = "Watch the jobs until they have ended.")
  private boolean watch;

  @Option(
      names = "--release",
      paramLabel = "ID",
      description = "Put what was attached to as this job back as it was before.")
  private List<String> released = List.of();

  @Override
  @SuppressWarnings("try") // the shutdown waits for it
  public Integer call() throws IOException, InterruptedException {
    PrintWriter err = spec.commandLine().getErr();
    try (Governor governor = LinuxGovernor.builder().open();
        Farewell farewell = new Farewell(governor::close)) {
      Recovery recovery = governor.recover();
      String text = json ? Json.write(toJson(recovery)) + "\n" : text(recovery);
      Ffrtmp.print(spec.commandLine().getOut(), text);
      boolean all = true;
      for (String each : released) {
        all &= release(each, recovery, err);
      }
      for (Job each : watch ? recovery.jobs() : List.<Job>of()) {
        err.println(each.await());
      }
      return all ? 0 : Ffrtmp.NOT_GOVERNED;
    }
  }

  private static boolean release(String id, Recovery recovery, PrintWriter err) {
    for (Job each : recovery.jobs()) {
      if (each.id().equals(id) && each instanceof AttachedJob job) {
        return Ffrtmp.sayReleased(err, job.release());
      }
    }
    Ffrtmp.say(err, "no job '" + id + "' was recovered that could be released");
    return false;
  }

  static Map<String, Object> toJson(Recovery recovery) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("jobs", recovery.jobs().stream().map(RecoverCommand::toJson).toList());
    json.put("ended", recovery.ended().stream().map(JobResult::toJson).toList());
    json.put(
        "leftovers",
        recovery.leftovers().stream()
            .map(each -> ordered("group", each.group(), "reason", each.reason()))
            .toList());
    json.put("gaps", recovery.gaps().stream().map(Object::toString).toList());
    return json;
  }

  private static Map<String, Object> toJson(Job job) {
    List<Map<String, Object>> limits = new ArrayList<>();
    for (LimitOutcome each : job.receipt().limits()) {
      String limit = each.limit().wireName();
      limits.add(
          ordered("limit", limit, "status", each.status().wireName(), "asked", each.asked()));
    }
    String mode = job.mode().wireName();
    return ordered("job_id", job.id(), "pid", job.pid(), "mode", mode, "limits", limits);
  }

  /** Keys and values by turns, in this order. */
  private static Map<String, Object> ordered(Object... pairs) {
    Map<String, Object> json = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      json.put(pairs[i].toString(), pairs[i + 1]);
    }
    return json;
  }

  static String text(Recovery recovery) {
    StringBuilder text = new StringBuilder();
    for (Job each : recovery.jobs()) {
      String line = "goes on  %s, process %d, %s";
      text.append(String.format(line, each.id(), each.pid(), each.mode().wireName()));
      for (LimitOutcome limit : each.receipt().limits()) {
        text.append(", " + limit.limit().wireName() + " " + limit.status().wireName());
      }
      text.append('\n');
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
