#pragma once

// What is wrong with the definition of a workflow.
//
// Source: Flireo protocol reference, 7.12.

#include <simdjson.h>

#include <string>
#include <vector>

namespace hookswitch::simulator {

/// Every fault, as `details` of the error name them; empty: it is a graph that can be walked.
std::vector<std::string> faults_of_workflow(simdjson::dom::element definition);

}  // namespace hookswitch::simulator
