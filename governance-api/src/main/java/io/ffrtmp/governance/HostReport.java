package io.ffrtmp.governance;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What a host can do, found without any side effect, and whether workloads survive us there. */
public final class HostReport extends Value {
  /** Whether workloads survive the end of this JVM. */
  public enum Survival {
    /** Nothing was found against it. */
    EXPECTED,
    /** In some events they do not; the risks tell which. */
    AT_RISK,
    /** They do not. */
    IMPOSSIBLE
  }

  private final List<Capability> capabilities;
  private final List<Capability> risks;

  private HostReport(List<Capability> capabilities, List<Capability> risks) {
    this.capabilities = capabilities;
    this.risks = risks;
  }

  /**
   * A report.
   *
   * @param risks what may end workloads together with this JVM; see {@link #risks()}
   */
  public static HostReport of(List<Capability> capabilities, List<Capability> risks) {
    return new HostReport(List.copyOf(capabilities), List.copyOf(risks));
  }

  /** Everything that was found, in a fixed order. */
  public List<Capability> capabilities() {
    return capabilities;
  }

  /** One capability by its name. */
  public Optional<Capability> capability(String name) {
    return capabilities.stream().filter(each -> each.name().equals(name)).findFirst();
  }

  /** Whether a governor can be opened here: nothing that was found is blocking. */
  public boolean supported() {
    return capabilities.stream().noneMatch(c -> c.state() == Capability.State.BLOCKING);
  }

  /** Why {@link #survival()} is not to be expected, each with its cure. */
  public List<Capability> risks() {
    return risks;
  }

  /** Whether workloads survive the end of this JVM here. */
  public Survival survival() {
    if (risks.isEmpty()) {
      return Survival.EXPECTED;
    }
    boolean certain = risks.stream().anyMatch(risk -> risk.state() != Capability.State.PARTLY);
    return certain ? Survival.IMPOSSIBLE : Survival.AT_RISK;
  }

  /** The report as a map, for any JSON library. */
  @JsonValue
  public Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("supported", supported());
    json.put("survival", WireValue.name(survival()));
    json.put("risks", risks.stream().map(Capability::content).toList());
    json.put("capabilities", capabilities.stream().map(Capability::content).toList());
    return json;
  }

  @Override
  Object content() {
    return toJson();
  }
}
