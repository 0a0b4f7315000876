package io.ffrtmp.governance.examples.bench;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** The rows of the table. Each is measured in a JVM of its own. */
enum Row {
  SPAWN("spawn and wait for /bin/true, without a group", User.ORDINARY, SpawnRows::spawn),
  HEAP("the same, with 8 GB of touched heap; only if asked for", User.ORDINARY, SpawnRows::heap),
  THREADS("spawns a second with 8 threads, without a group", User.ORDINARY, SpawnRows::threads),
  WARM("a job in its group, cgroup.procs written shortly before", User.ROOT, GroupRows::warm),
  COLD("a job in its group after 50 ms of quiet", User.ROOT, GroupRows::cold),
  CREATE("a group: make, 2 limits, read back, remove", User.ROOT, GroupRows::create),
  ATTACH("attach to a process, cgroup.procs written shortly before", User.ROOT, AttachRow::warm),
  ATTACH_COLD("attach to a process after 50 ms of quiet", User.ROOT, AttachRow::cold),
  WATCH("from a kill to the observer, own children", User.ORDINARY, WatchRow::run),
  STRANGERS("from a kill to the observer, attached to", User.ORDINARY, StrangersRow::run),
  ENDING("many jobs that end at once, without groups", User.ORDINARY, EndingRow::plain),
  ENDING_GROUPED("many jobs that end at once, with groups", User.ROOT, EndingRow::grouped),
  IDLE("CPU time of 20 s in which nothing ends", User.ORDINARY, IdleRow::run),
  JOBS("what a watched job costs, without groups", User.ORDINARY, JobsRow::run),
  GROUPED("what a watched job costs, with groups", User.ROOT, JobsRow::run),
  ATTACHED("what an attached job costs, with groups", User.ROOT, JobsRow::attached),
  FIRST("first use in a JVM: time and resident memory", User.ORDINARY, FirstRow::run),
  CLI("the ffrtmp command line: time and resident memory", User.ANY, CommandLineRow::run);

  /** All but those that need to be asked for. */
  static final List<Row> USUAL = Arrays.stream(values()).filter(row -> row != HEAP).toList();

  /**
   * Those that are about our own instructions: HotSpot takes thousands of rounds to compile to the
   * end what each calls once.
   */
  private static final Set<Row> COMPILED =
      EnumSet.of(SPAWN, WARM, COLD, CREATE, ATTACH, ATTACH_COLD, WATCH);

  /** Who measures. */
  enum User {
    ORDINARY,
    ROOT,
    ANY
  }

  /** Measures and prints. */
  interface Measurement {
    void run(Options options, Table table) throws Exception;
  }

  final String title;
  final User user;
  final Measurement measurement;

  Row(String title, User user, Measurement measurement) {
    this.title = title;
    this.user = user;
    this.measurement = measurement;
  }

  /** Rounds that are not counted. */
  int warmup() {
    return COMPILED.contains(this) ? 20_000 : 100;
  }

  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static Row named(String label) {
    return Arrays.stream(values())
        .filter(row -> row.label().equals(label))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("row '" + label + "' is unknown"));
  }

  /** What the JVM that measures it is started with. */
  List<String> jvmOptions() {
    return switch (this) {
      case JOBS, GROUPED, ATTACHED ->
          List.of("-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC");
      case STRANGERS, IDLE -> // not each that an ordinary user may only observe
          List.of("-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
      default -> List.of("-Xmx256m");
    };
  }
}
